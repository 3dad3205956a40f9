import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { apiKey } from "../config/api-keys.ts";
import { aModel, FixedModels, says, ScriptedBackend, startServer } from "./testing.ts";

interface Report {
  readonly id: string;
  readonly state: string;
}

function twoModels() {
  const [one, other] = [new ScriptedBackend(), new ScriptedBackend(says("Hi"), "some/other:q4")];
  return { one, other, models: new FixedModels(aModel(one), aModel(other, { onDemand: true })) };
}

test("an operator sees what each model is doing", async () => {
  const { one, other, models } = twoModels();
  await using it = await startServer(undefined, { models });
  one.currentStatus = { state: "loading", progress: 0.4167 };
  other.currentStatus = { state: "failed", error: { code: "engine_failed", message: "it died" } };
  const answer = await it.server.inject("/admin/models");
  const common = { memory_bytes: null, requests: { running: 0, waiting: 0 }, replicas: 1, keep_alive_seconds: null };
  expect(answer.json()).toEqual({
    object: "list",
    data: [
      {
        ...common,
        id: "scripted",
        state: "loading",
        load: "eager",
        loading: { progress: 0.41, eta_seconds: null },
        error: null,
      },
      {
        ...common,
        id: "some/other:q4",
        state: "failed",
        load: "on_demand",
        loading: null,
        error: { code: "engine_failed", message: "it died", param: null, type: "server_error" },
      },
    ],
  });
});

test("health does not wait for models on demand", async () => {
  const { one, other, models } = twoModels();
  await using it = await startServer(undefined, { models });
  other.currentStatus = { state: "loading", progress: 0 };
  expect((await it.server.inject("/health")).statusCode).toBe(200);
  one.currentStatus = { state: "unloaded" };
  expect((await it.server.inject("/health")).statusCode).toBe(200);
  one.currentStatus = { state: "loading", progress: 0 };
  expect((await it.server.inject("/health")).statusCode).toBe(503);
});

test("models are loaded and unloaded by name, also by names with slashes", async () => {
  const { other, models } = twoModels();
  await using it = await startServer(undefined, { models });
  const post = async (path: string) => {
    const answer = await it.server.inject({ method: "POST", url: `/admin/models/${path}` });
    return [answer.statusCode, answer.json<Report & { error?: { code: string } }>()] as const;
  };
  expect(await post("some/other:q4/load")).toMatchObject([200, { id: "some/other:q4", state: "ready" }]);
  other.currentStatus = { state: "loading", progress: 0 };
  expect(await post("some%2Fother%3Aq4/load")).toMatchObject([202, { state: "loading" }]);
  expect(await post("scripted/unload")).toMatchObject([200, { id: "scripted" }]);
  expect(models.done).toEqual(["load some/other:q4", "load some/other:q4", "unload scripted"]);
  expect(await post("none/load")).toMatchObject([404, { error: { code: "model_not_found" } }]);
  for (const path of ["scripted", "scripted/start", "load", "/load"])
    expect(await post(path)).toMatchObject([404, { error: { code: "route_not_found" } }]);
  expect((await it.server.inject("/admin/models/scripted/load")).statusCode).toBe(405);
});

test("events tell each model once and then its changes; closing the server ends them", async () => {
  const { models } = twoModels();
  await using it = await startServer(undefined, { models, drainTimeout: 60 });
  const response = await fetch(`${it.url}/admin/models/events`);
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  let received = "";
  const reading = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) received += chunk;
  })();
  while (models.tell({ state: "unloading" }) === 0 || !received.includes("unloading")) await sleep(5);
  await it.server.close();
  await reading;
  const reports = received
    .split("\n\n")
    .slice(0, 3)
    .map((event) => JSON.parse(event.replace("data: ", "")) as Report);
  expect(reports.map(({ id, state }) => `${id} ${state}`)).toEqual([
    "scripted ready",
    "some/other:q4 ready",
    "scripted unloading",
  ]);
  expect(models.tell({})).toBe(0);
});

test("where there are keys, only one with admin may use it; where there are none, only this machine", async () => {
  const apiKeys = [apiKey({ key: "user" }), apiKey({ key: "operator", admin: true })];
  await using it = await startServer(undefined, { apiKeys });
  const statusOf = async (headers: Record<string, string>, url = "/admin/models") =>
    (await it.server.inject({ url, headers })).statusCode;
  expect(await statusOf({ "x-api-key": "operator" })).toBe(200);
  expect(await statusOf({ "x-api-key": "operator" }, "/v1/models")).toBe(200);
  expect(await statusOf({ "x-api-key": "user" })).toBe(403);
  expect(await statusOf({ "x-api-key": "nobody" })).toBe(401);
  expect(await statusOf({}, "/admin/models/events")).toBe(401);
  await using open = await startServer(undefined, { host: "0.0.0.0" });
  const from = async (remoteAddress: string) =>
    (await open.server.inject({ url: "/admin/models", remoteAddress })).statusCode;
  expect(await from("192.0.2.1")).toBe(403);
  for (const own of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) expect(await from(own)).toBe(200);
});
