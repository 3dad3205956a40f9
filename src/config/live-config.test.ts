import { expect, test } from "vitest";
import { LiveConfig } from "./live-config.ts";
import { loadConfig } from "./load-config.ts";

const configOf = (variables: NodeJS.ProcessEnv) => loadConfig({}, variables).config;

test("a reload applies what can change, and names what cannot", () => {
  let variables: NodeJS.ProcessEnv = {};
  const live = new LiveConfig(configOf(variables), () => configOf(variables));
  expect(live.reload()).toEqual({ applied: [], needRestart: [] });

  variables = { MILLRACE_API_KEY: "a,b", MILLRACE_LOG_LEVEL: "warn", MILLRACE_PORT: "9000", MILLRACE_CONTEXT: "512" };
  expect(live.reload()).toEqual({ applied: ["api_keys", "log_level"], needRestart: ["port", "context"] });
  expect(live.current).toMatchObject({ logLevel: "warn", port: 8000, context: 2048 });
  expect(live.current.apiKeys.map(({ key }) => key)).toEqual(["a", "b"]);
  expect(live.reload()).toEqual({ applied: [], needRestart: ["port", "context"] }); // they still wait for it

  variables = {};
  expect(live.reload()).toEqual({ applied: ["api_keys", "log_level"], needRestart: [] });
});

test("what is wrong changes nothing: a value out of range, or the last key of an open server", () => {
  let variables: NodeJS.ProcessEnv = { MILLRACE_HOST: "0.0.0.0", MILLRACE_API_KEY: "a" };
  const live = new LiveConfig(configOf(variables), () => configOf(variables));
  const before = live.current;
  variables = { ...variables, MILLRACE_DRAIN_TIMEOUT: "-1" };
  expect(() => live.reload()).toThrow(/drain_timeout is -1/);
  variables = { MILLRACE_HOST: "0.0.0.0", MILLRACE_LOG_LEVEL: "warn" };
  expect(() => live.reload()).toThrow(/--host 0\.0\.0\.0/);
  expect(live.current).toBe(before);
  // The address that counts is the one it listens on, not the one that a restart would take.
  variables = { MILLRACE_LOG_LEVEL: "warn" };
  expect(() => live.reload()).toThrow(/--host 0\.0\.0\.0/);
  variables = { MILLRACE_INSECURE: "1" };
  expect(live.reload()).toEqual({ applied: ["api_keys", "insecure"], needRestart: ["host"] });
});
