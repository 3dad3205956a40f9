import { expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { startServer } from "./server.ts";

test("/docs shows the API and asks it, and loads nothing from anywhere else", async () => {
  const browser = await launchBrowser();
  try {
    await using server = await startServer({ args: ["--engine", "fake"] });
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => problems.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${server.url}/`)) problems.push(`asked for ${request.url()}`);
    });
    await page.goto(`${server.url}/docs`);
    const chat = page.locator("details", { hasText: "POST /v1/chat/completions" });
    await chat.locator("summary").click();
    await chat.locator("tr", { hasText: "temperature" }).filter({ hasText: "number 0 … 2" }).waitFor();
    await chat.locator("tr", { hasText: "refused: " }).first().waitFor();
    await chat.getByRole("button", { name: "Send" }).click();
    await chat.locator("pre", { hasText: '"object":"chat.completion"' }).waitFor();
    expect(problems).toEqual([]);
  } finally {
    await browser.close();
  }
});
