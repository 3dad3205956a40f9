import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assertBindAllowed } from "./bind.ts";
import { loadConfig } from "./load-config.ts";

// What config/ shows to users is loaded here, so that it cannot become wrong.

test("production.yaml, with the key that it asks for", () => {
  const config = "config/production.yaml";
  const loaded = loadConfig({ config }, { MILLRACE_API_KEY: "one,two" }).config;
  expect(loaded).toMatchObject({ host: "0.0.0.0", name: "assistant", temperature: 0.7 });
  expect(loaded.apiKeys.map(({ key }) => key)).toEqual(["one", "two"]);
  expect(() => assertBindAllowed(loaded)).not.toThrow();
  expect(() => assertBindAllowed(loadConfig({ config }, {}).config)).toThrow(/--api-key/);
});

test(".env.example, copied to .env", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-example-"));
  try {
    copyFileSync("config/.env.example", join(folder, ".env"));
    const { config, origins } = loadConfig({}, {}, folder);
    expect(config).toMatchObject({ apiKeys: [{ key: "change-me" }], corsOrigins: ["https://app.example.com"] });
    expect(Object.values(origins).filter(({ layer }) => layer === ".env")).toHaveLength(7);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("there is no other example", () => {
  expect(readdirSync("config").toSorted()).toEqual([".env.example", "production.yaml"]);
});
