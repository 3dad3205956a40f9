import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const installed = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Chromium of this machine, without a window and without its own errands on the network. */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(installed)) {
    const how = "install it (Debian: apt-get install chromium), or set CHROMIUM to the path of a Chromium or Chrome";
    throw new Error(`the chat page is tested in Chromium, and there is none at ${installed}: ${how}`);
  }
  return chromium.launch({
    executablePath: installed,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
