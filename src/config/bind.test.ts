import { expect, test } from "vitest";
import { assertBindAllowed, isLoopback } from "./bind.ts";
import type { Flags } from "./layers.ts";
import { loadConfig } from "./load-config.ts";

test.each(["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"])(
  "%s is loopback",
  (host) => expect(isLoopback(host)).toBe(true),
);

test.each(["0.0.0.0", "::", "192.168.1.2", "example.org", "127.0.0.1.example.org", "::ffff:10.0.0.1", "0"])(
  "%s is not loopback",
  (host) => expect(isLoopback(host)).toBe(false),
);

const check = (flags: Flags) => () => assertBindAllowed(loadConfig(flags, {}).config);

test("other machines only with a key, or when said to be meant", () => {
  expect(check({ host: "0.0.0.0" })).toThrow(/--insecure/);
  expect(check({ host: "0.0.0.0", apiKeys: ["k"] })).not.toThrow();
  expect(check({ host: "0.0.0.0", insecure: true })).not.toThrow();
  expect(check({})).not.toThrow();
});
