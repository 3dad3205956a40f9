import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { testModel } from "../models.ts";
import { descendants, isAlive } from "./processes.ts";
import { poll, program, startServer, type TestServer } from "./server.ts";

const scratch = mkdtempSync(join(tmpdir(), "millrace-operations-"));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Asked {
  readonly key?: string;
  readonly seed?: number;
  readonly tokens?: number;
}

/** Asks for a stream. */
function ask(server: TestServer, { key = "none", seed = 1, tokens = 100 }: Asked = {}): Promise<Response> {
  return fetch(`${server.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ prompt: `tell me ${seed}`, seed, max_tokens: tokens, ignore_eos: true, stream: true }),
  });
}

const textOf = (events: string) =>
  [...events.matchAll(/^data: (\{.*\})$/gm)]
    .map(([, json]) => (JSON.parse(json!) as { choices?: { text: string }[] }).choices?.[0]?.text ?? "")
    .join("");

const logged = (server: TestServer, words: string) => poll(() => (server.output().includes(words) ? true : undefined));

test("SIGTERM under 16 streams, half of them queued: all end as they would have; exit code 0", async () => {
  await using server = await startServer({ args: ["--engine", "fake?stepMs=5", "--parallel", "8"] });
  const seeds = Array.from({ length: 16 }, (_, seed) => seed);
  const texts = () => Promise.all(seeds.map(async (seed) => await (await ask(server, { seed })).text()));
  const undisturbed = (await texts()).map(textOf);
  const running = seeds.map((seed) => ask(server, { seed }));
  await (await running[0]!).body!.getReader().read();
  server.process.kill("SIGTERM");
  await logged(server, "draining");
  const late = await ask(server);
  expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
  const [ready, live] = await Promise.all(["/readyz", "/livez"].map(async (path) => await fetch(server.url + path)));
  expect([ready!.status, live!.status]).toEqual([503, 200]);
  expect(await ready!.json()).toEqual({ status: "not_ready", reasons: [{ state: "draining" }] });
  const rest = await Promise.all(running.slice(1).map(async (answer) => await (await answer).text()));
  expect(rest.map(textOf)).toEqual(undisturbed.slice(1));
  for (const events of rest) expect(events).toMatch(/data: \[DONE\]\n\n$/);
  expect(await server.exited()).toEqual({ code: 0, signal: null });
});

test("what outlasts the drain time ends with an error, running or queued; exit code 5", async () => {
  const args = ["--engine", "fake?stepMs=20", "--parallel", "2", "--drain-timeout", "0.5"];
  await using server = await startServer({ args });
  const streams = await Promise.all([ask(server, { tokens: 1000 }), ask(server, { tokens: 1000 })]);
  const queued = ask(server, { tokens: 1000 });
  await poll(async () => ((await fetch(`${server.url}/livez`)).ok ? true : undefined));
  server.process.kill("SIGTERM");
  for (const stream of streams) {
    const events = await stream.text(); // it is a whole body: its end was sent
    expect(events.trimEnd().split("\n\n").at(-1)).toMatch(/^data: \{"error":.*"code":"shutting_down"/);
    expect(events).not.toContain("[DONE]");
  }
  const answer = await queued;
  if (answer.status === 200) expect(await answer.text()).toContain('"code":"shutting_down"');
  else expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await server.exited()).toEqual({ code: 5, signal: null });
  expect(server.output()).toMatch(/error: 3 requests were ended because the drain time of 0\.5 s was over/);
});

test("a second SIGTERM ends it now, engine included; exit code 130", async () => {
  await using server = await startServer({ args: ["--engine", "fake?stepMs=20"] });
  const stream = await ask(server, { tokens: 2000 });
  const children = descendants(server.process.pid!);
  server.process.kill("SIGTERM");
  await logged(server, "draining");
  await new Promise((wake) => setTimeout(wake, 200)); // within 150 ms it would be taken for an echo of the first
  server.process.kill("SIGTERM");
  expect(await server.exited()).toEqual({ code: 130, signal: null });
  await expect(stream.text()).rejects.toThrow(/./);
  await poll(() => (children.some(isAlive) ? undefined : true));
});

test("SIGHUP under load: new keys count, no stream is dropped, a broken file changes nothing", async () => {
  const file = join(scratch, "reload.yaml");
  const write = (keys: object[], more = {}) => writeFileSync(file, JSON.stringify({ api_keys: keys, ...more }));
  const operator = { key: "operator", admin: true };
  write([operator, { key: "old" }]);
  await using server = await startServer({ args: ["--engine", "fake?stepMs=5", "--config", file] });
  const status = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` };
    return (await fetch(`${server.url}/v1/models`, { headers })).status;
  };
  expect([await status("old"), await status("new")]).toEqual([200, 401]);
  const streams = await Promise.all(
    Array.from({ length: 16 }, (_, seed) => ask(server, { key: "old", seed, tokens: 200 })),
  );
  write([operator, { key: "new" }], { max_queue: 7, context: 4096 });
  server.process.kill("SIGHUP");
  await logged(server, "the configuration was read again");
  expect(server.output()).toMatch(/needRestart\W+context/);
  expect([await status("old"), await status("new")]).toEqual([401, 200]);

  writeFileSync(file, "api_keys: [\n");
  server.process.kill("SIGHUP");
  await logged(server, "the configuration could not be read again");
  expect([await status("old"), await status("new")]).toEqual([401, 200]);
  const headers = { authorization: "Bearer operator" };
  const broken = await fetch(`${server.url}/admin/reload`, { method: "POST", headers });
  expect(broken.status).toBe(400);
  expect(await broken.json()).toMatchObject({
    error: { code: "invalid_config", message: expect.stringMatching(/reload\.yaml/) },
  });
  write([operator, { key: "newer" }]);
  const reloaded = await fetch(`${server.url}/admin/reload`, { method: "POST", headers });
  expect(await reloaded.json()).toMatchObject({ status: "reloaded", needs_restart: [] });
  expect(await status("newer")).toBe(200);

  for (const stream of streams) expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
});

test("a reload serves another list of models; a stream of one that is gone ends as it would have", async () => {
  const file = join(scratch, "models.yaml");
  const write = (...models: object[]) => writeFileSync(file, JSON.stringify({ models, engine: "fake?stepMs=5" }));
  write({ name: "a" }, { name: "b", load: "on_demand" });
  await using server = await startServer({ args: ["--config", file] });
  const post = async (path: string, body?: object) => {
    const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    return await fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) ?? null });
  };
  const stream = await ask(server, { tokens: 200 });
  write({ name: "c" }, { name: "b", load: "on_demand", max_tokens: 3, context: 512 });
  expect(await (await post("/admin/reload")).json()).toEqual({
    status: "reloaded",
    applied: ["max_tokens of b", "model c added", "model a removed"],
    needs_restart: ["context of b"],
  });
  const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(["c", "b"]);
  const answer = await post("/v1/completions", { model: "b", prompt: "tell me" });
  expect(await answer.json()).toMatchObject({ usage: { completion_tokens: 3 } });
  expect((await post("/v1/completions", { model: "a", prompt: "tell me" })).status).toBe(404);
  expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
  await poll(() => (descendants(server.process.pid!).length === 2 ? true : undefined)); // those of c and b
});

// The engine's main thread is in native code, or as good as: it can do nothing itself.
test("kill -9 of the server leaves no engine, be it in a step that does not end or in a load", async () => {
  await using stuck = await startServer({ args: ["--engine", "fake?stallAtStep=3"] });
  await using slow = await startServer({ args: ["--engine", "fake?stepMs=30000"] });
  await using loading = await startServer({ args: ["--engine", "fake?loadMs=60000"], early: true });
  for (const server of [stuck, slow]) void ask(server).catch(() => {});
  await new Promise((wake) => setTimeout(wake, 500));
  const servers = [stuck, slow, loading];
  const children = servers.flatMap((server) => descendants(server.process.pid!));
  expect(children.length).toBeGreaterThanOrEqual(3);
  for (const server of servers) server.process.kill("SIGKILL");
  await new Promise((wake) => setTimeout(wake, 2000));
  expect(children.filter(isAlive)).toEqual([]);
});

test("kill -9 of quantize leaves no child", async () => {
  const source = await testModel("smollm2");
  const child = spawn(process.execPath, [program, "quantize", source, "q8_0", join(scratch, "q8.gguf")], {
    stdio: "ignore",
  });
  const children = await poll(() => {
    const found = descendants(child.pid!);
    return found.length > 0 ? found : undefined;
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  await new Promise((wake) => setTimeout(wake, 2000));
  expect(children.filter(isAlive)).toEqual([]);
});
