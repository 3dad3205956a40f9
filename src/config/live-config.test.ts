import { expect, test } from "vitest";
import type { Config } from "./schema.ts";
import { LiveConfig } from "./live-config.ts";
import { loadConfig } from "./load-config.ts";

/** A server whose variables can be changed while it runs. */
function aServer(start: NodeJS.ProcessEnv) {
  let variables = start;
  const live = new LiveConfig(loadConfig({}, start), () => loadConfig({}, variables));
  const reload = (changed: NodeJS.ProcessEnv) => {
    variables = changed;
    const change = live.compare();
    live.take(change);
    return { applied: change.applied, needRestart: change.needRestart, models: change.next.models };
  };
  return { live, reload };
}

test("what can change is applied, what cannot is named", () => {
  const { live, reload } = aServer({});
  expect(reload({})).toMatchObject({ applied: [], needRestart: [] });
  const variables = { MILLRACE_API_KEY: "a,b", MILLRACE_LOG_LEVEL: "warn", MILLRACE_PORT: "9000" };
  const changed = { ...variables, MILLRACE_CONTEXT: "512", MILLRACE_TEMPERATURE: "0.5" };
  const waiting = { needRestart: ["port", "context"] };
  expect(reload(changed)).toMatchObject({ applied: ["api_keys", "log_level", "temperature"], ...waiting });
  expect(live.current).toMatchObject({ logLevel: "warn", port: 8000 });
  expect(live.current.apiKeys.map(({ key }) => key)).toEqual(["a", "b"]);
  const { models, ...again } = reload(changed);
  expect(again).toEqual({ applied: [], ...waiting }); // they still wait for it
  expect(models).toMatchObject([{ config: { temperature: 0.5, context: 2048, logLevel: "warn" } }]);
  expect(reload({})).toMatchObject({ applied: ["api_keys", "log_level", "temperature"], needRestart: [] });
});

test("models come and go, and those that stay are known by their names", () => {
  const { config } = loadConfig({}, {});
  const model = (name: string, over: Partial<Config> = {}) => ({ config: { ...config, name, ...over } });
  const listed = (...models: { config: Config }[]) => ({ config: models[0]!.config, models });
  const server = (start: ReturnType<typeof listed>, next: ReturnType<typeof listed>) =>
    new LiveConfig(start, () => next).compare();
  const before = listed(model("a"), model("b", { keepAlive: "5m" }));
  const after = listed(model("c", { port: 1 }), model("b", { keepAlive: "1m", context: 4096, port: 1 }));
  const change = server(before, after);
  expect(change).toMatchObject({
    applied: ["keep_alive of b", "model c added", "model a removed"],
    needRestart: ["port", "context of b"],
  });
  expect(change.next.models).toMatchObject([
    { config: { name: "c", port: 8000 } },
    { config: { name: "b", keepAlive: "1m", context: 2048, port: 8000 } },
  ]);
});

test("what is wrong changes nothing: a value out of range, or the last key of an open server", () => {
  const open = { MILLRACE_HOST: "0.0.0.0" };
  const { live, reload } = aServer({ ...open, MILLRACE_API_KEY: "a" });
  const before = live.current;
  expect(() => reload({ ...open, MILLRACE_DRAIN_TIMEOUT: "-1" })).toThrow(/drain_timeout is -1/);
  expect(() => reload({ ...open, MILLRACE_LOG_LEVEL: "warn" })).toThrow(/--host 0\.0\.0\.0/);
  expect(live.current).toBe(before);
  // The address that counts is the one it listens on, not the one that a restart would take.
  expect(() => reload({ MILLRACE_LOG_LEVEL: "warn" })).toThrow(/--host 0\.0\.0\.0/);
  expect(reload({ MILLRACE_INSECURE: "1" })).toMatchObject({
    applied: ["api_keys", "insecure"],
    needRestart: ["host"],
  });
});
