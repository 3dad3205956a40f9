import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { poll, startServer, type TestServer } from "./server.ts";

const markup = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script> is text.

**Bold** and \`code\`, [good](https://example.org/a) and [bad](javascript:alert%281%29).

\`\`\`html
<b>not bold</b>
\`\`\``;
const story = "The river ran. ".repeat(20).trim();

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
});

/** One that says a token every `stepMs`. */
function startFake(stepMs = 1, ...args: string[]): Promise<TestServer> {
  const script = JSON.stringify({ story, markup, short: "Fine." });
  return startServer({
    args: ["--engine", `fake?${String(new URLSearchParams({ script, stepMs: String(stepMs) }))}`, ...args],
  });
}

interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly lastTurn: Locator;
  readonly answer: Locator;
  readonly facts: Locator;
  ask(question: string): Promise<void>;
  /** Waits until the text of `where` fits. */
  reads(where: Locator, what: RegExp | string): Promise<void>;
  /** The last answer has ended. */
  answered(): Promise<void>;
}

/** The page in a window of its own. Closing it checks that nothing was refused, thrown, or asked of another host. */
async function openPage(url: string, { width = 1280, height = 800, expectedErrors = /^$/ } = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (!expectedErrors.test(message.text())) problems.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) problems.push(`asked for ${request.url()}`);
  });
  await page.goto(`${url}/`);
  const lastTurn = page.locator("article").last();
  const reads = (where: Locator, what: RegExp | string) => where.filter({ hasText: what }).first().waitFor();
  return {
    page,
    lastTurn,
    answer: lastTurn.locator(".markdown"),
    facts: lastTurn.locator(".facts"),
    reads,
    async ask(question) {
      await page.locator("#model:enabled").waitFor();
      const turns = await page.locator("article").count();
      await page.getByLabel("Message", { exact: true }).fill(question);
      await page.keyboard.press("Enter");
      await page.locator("article").nth(turns).waitFor();
    },
    answered: () => page.locator("article:last-child:not(.running)").waitFor(),
    async [Symbol.asyncDispose]() {
      await context.close();
      expect(problems).toEqual([]);
    },
  };
}

test("an answer streams in, with its rate and its first token's wait; Shift+Enter is a new line", async () => {
  await using server = await startFake(20);
  await using it = await openPage(server.url);
  const { page } = it;
  await page.locator("#model:enabled").waitFor();
  expect(await page.getByLabel("Model").inputValue()).toBe("fake");
  await page.keyboard.type("A long");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("story, please");
  await page.keyboard.press("Enter");
  await it.reads(it.answer, "The river ran.");
  const part = await it.answer.innerText();
  expect(story.startsWith(part)).toBe(true);
  expect(part.length).toBeLessThan(story.length);
  await it.answered();
  expect(await it.answer.innerText()).toBe(story);
  expect(await it.facts.innerText()).toMatch(/^\d+ tokens · [\d.]+ tokens\/s · first after [\d.]+ m?s$/);
  expect(await it.lastTurn.locator(".question").innerText()).toContain("A long\nstory, please");
});

test("what is thought stands above the answer, and folds when the answer begins", async () => {
  const script = JSON.stringify({ sky: "Light scatters. It scatters blue most.</think>\n\nBlue. It is blue." });
  const engine = `fake?${String(new URLSearchParams({ thinks: "1", script, stepMs: "20" }))}`;
  await using server = await startServer({ args: ["--engine", engine] });
  await using it = await openPage(server.url);
  await it.ask("Why is the sky blue?");
  const thoughts = it.lastTurn.locator(".thoughts");
  await it.reads(thoughts, "Light scatters.");
  expect(await thoughts.locator("p").isVisible()).toBe(true);
  await it.answered();
  expect(await it.answer.innerText()).toBe("Blue. It is blue.");
  expect(await thoughts.locator("p").isVisible()).toBe(false);
  await thoughts.locator("summary").click();
  expect(await thoughts.locator("p").innerText()).toBe("Light scatters. It scatters blue most.");
});

test("a stopped answer stays as far as it came, and the server computes no more of it", async () => {
  await using server = await startFake(20);
  await using it = await openPage(server.url);
  const ends = [() => it.page.getByRole("button", { name: "Stop" }).click(), () => it.page.keyboard.press("Escape")];
  for (const [index, stop] of ends.entries()) {
    await it.ask("story");
    await it.reads(it.answer, "The river ran.");
    await stop();
    await it.answered();
    const part = await it.answer.innerText();
    expect(story.startsWith(part)).toBe(true);
    expect(part.length).toBeLessThan(story.length);
    expect(await it.facts.innerText()).toMatch(/^about \d+ tokens · .* · stopped$/);
    await poll(() => server.output().match(/"status":499/g)?.length === index + 1 || undefined);
  }
  await it.ask("something short");
  await it.answered();
  expect(await it.answer.innerText()).toBe("Fine.");
  await it.page.getByRole("button", { name: "New chat" }).click();
  expect(await it.page.locator("article").count()).toBe(0);
});

test("HTML in an answer is text, Markdown is elements, and only harmless links are links", async () => {
  await using server = await startFake();
  await using it = await openPage(server.url);
  await it.ask("markup <i>here</i>");
  await it.answered();
  expect(await it.lastTurn.locator(".question").innerText()).toContain("markup <i>here</i>");
  expect(await it.answer.locator("p").first().innerText()).toBe(markup.split("\n")[0]);
  expect(await it.answer.locator("img, script, b").count()).toBe(0);
  expect(await it.page.title()).toBe("Millrace");
  expect(await it.answer.locator("strong").innerText()).toBe("Bold");
  expect(await it.answer.locator("pre").innerText()).toBe("<b>not bold</b>");
  const links = it.answer.locator("a");
  expect(await links.count()).toBe(1);
  expect(await links.getAttribute("href")).toBe("https://example.org/a");
  expect(await links.getAttribute("rel")).toBe("noopener noreferrer");
  expect(await it.answer.innerText()).toContain("[bad](javascript:alert%281%29)");
});

test("the browser itself refuses to read a text as HTML or to ask another host", async () => {
  await using server = await startFake();
  await using it = await openPage(server.url, { expectedErrors: /TrustedHTML|Content Security Policy/ });
  await expect(it.page.evaluate("document.body.innerHTML = '<b>'")).rejects.toThrow("TrustedHTML");
  await expect(it.page.evaluate("fetch('http://127.0.0.1:9/')")).rejects.toThrow("Failed to fetch");
});

test("settings are sent as they are filled in, and a wrong one is answered in the server's words", async () => {
  await using server = await startFake();
  await using it = await openPage(server.url, { expectedErrors: /400 \(Bad Request\)/ });
  const { page } = it;
  const bodies: unknown[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") bodies.push(request.postDataJSON());
  });
  await it.ask("short");
  await it.answered();
  for (const [label, value] of Object.entries({
    "System message": "Be kind.",
    Temperature: "7",
    "Top p": "0.9",
    "Max tokens": "3",
    Seed: "42",
  }))
    await page.getByLabel(label).fill(value);
  await it.ask("story");
  await it.reads(it.lastTurn.locator(".error"), /^'temperature' is 7; accepted: a number from 0 to 2$/);
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByRole("button", { name: "Try again" }).click();
  await it.reads(it.facts, /^3 tokens · .* · ended at its limit of tokens$/);
  const common = { model: "fake", stream: true, stream_options: { include_usage: true } };
  expect(bodies[0]).toEqual({ ...common, messages: [{ role: "user", content: "short" }] });
  expect(bodies[2]).toEqual({
    ...common,
    temperature: 0.5,
    top_p: 0.9,
    max_tokens: 3,
    seed: 42,
    messages: [
      { role: "system", content: "Be kind." },
      { role: "user", content: "short" },
      { role: "assistant", content: "Fine." },
      { role: "user", content: "story" },
    ],
  });
});

test("a server with keys is asked with the one that is typed, which a reload keeps", async () => {
  await using server = await startFake(1, "--api-key", "right-key");
  await using it = await openPage(server.url, { expectedErrors: /401 \(Unauthorized\)/ });
  const { page } = it;
  await it.reads(page.getByRole("alert"), "a valid API key is required");
  for (const key of ["wrong-key", "right-key"]) {
    const answer = page.waitForResponse(`${server.url}/v1/models`);
    await page.getByLabel("API key of this server").fill(key);
    await page.getByRole("button", { name: "Use key" }).click();
    expect((await answer).status()).toBe(key === "right-key" ? 200 : 401);
  }
  await page.locator("#key-form").waitFor({ state: "hidden" });
  await page.reload();
  await it.ask("short");
  await it.answered();
  expect(await it.answer.innerText()).toBe("Fine.");
});

test("a server that is gone is named, and asked again on demand", async () => {
  await using server = await startFake();
  await using it = await openPage(server.url, { expectedErrors: /ERR_INTERNET_DISCONNECTED/ });
  await it.page.locator("#model:enabled").waitFor();
  await it.page.context().setOffline(true);
  await it.ask("short");
  await it.reads(it.lastTurn.locator(".error"), "The server cannot be reached.");
  await it.page.context().setOffline(false);
  await it.page.getByRole("button", { name: "Try again" }).click();
  await it.reads(it.answer, "Fine.");
});

test("on a phone nothing is wider than the screen, and the settings make room for the answer", async () => {
  await using server = await startFake();
  await using it = await openPage(server.url, { width: 390, height: 844 });
  const { page } = it;
  const settings = page.getByRole("form", { name: "Settings" });
  expect(await settings.isVisible()).toBe(false);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Seed").fill("1");
  await it.ask(`markup ${"x".repeat(300)}`);
  await it.answered();
  expect(await settings.isVisible()).toBe(false);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
});
