import { expect, test } from "vitest";
import { apiKey, type ApiKey } from "../config/api-keys.ts";
import { failure } from "../core/errors.ts";
import { says, startServer } from "./testing.ts";

const keyOf = (key: string, admin = false) => apiKey({ key, admin });

test("keys and origins count as they are when a request comes", async () => {
  let apiKeys: readonly ApiKey[] = [keyOf("first")];
  let corsOrigins: readonly string[] = [];
  const quiet = { requestTimeout: 0, slowClientTimeout: 0, ssePingInterval: 0, drainTimeout: 0 };
  await using it = await startServer(says("a"), { settings: () => ({ ...quiet, apiKeys, corsOrigins }) });
  const models = async (key: string, origin = "https://app.example.com") => {
    const headers = { authorization: `Bearer ${key}`, origin };
    const answer = await it.server.inject({ url: "/v1/models", headers });
    return [answer.statusCode, answer.headers["access-control-allow-origin"]];
  };
  expect([await models("first"), await models("second")]).toEqual([
    [200, undefined],
    [401, undefined],
  ]);
  apiKeys = [keyOf("second")];
  corsOrigins = ["https://app.example.com"];
  expect([await models("first"), await models("second")]).toEqual([
    [401, "https://app.example.com"],
    [200, "https://app.example.com"],
  ]);
  apiKeys = [];
  expect(await models("none", "https://foreign.example.com")).toEqual([403, undefined]); // open: no foreign pages
  apiKeys = [keyOf("first")];
  expect(await models("first", "https://foreign.example.com")).toEqual([200, undefined]);
});

test("a reload answers with what has changed, or why nothing has; it takes a key for /admin", async () => {
  let wrong = false;
  await using it = await startServer(says("a"), {
    apiKeys: [keyOf("operator", true), keyOf("client")],
    reload: async () => {
      if (wrong) throw failure("invalid_config", { problem: "port is 70000 (from a.yaml:3)" });
      return { applied: ["api_keys"], needRestart: ["port"] };
    },
  });
  const reload = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await it.server.inject({ method: "POST", url: "/admin/reload", headers });
    return [answer.statusCode, answer.json<object>()];
  };
  expect(await reload("operator")).toEqual([
    200,
    { status: "reloaded", applied: ["api_keys"], needs_restart: ["port"] },
  ]);
  wrong = true;
  expect(await reload("operator")).toEqual([
    400,
    { error: expect.objectContaining({ code: "invalid_config", message: "port is 70000 (from a.yaml:3)" }) },
  ]);
  expect((await reload("client"))[0]).toBe(403);
});
