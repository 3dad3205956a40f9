import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testModel } from "../models.ts";
import { descendants, isAlive } from "./processes.ts";
import { poll, startServer, type TestServer } from "./server.ts";

const scratch = mkdtempSync(join(tmpdir(), "millrace-models-"));
const headers = { "content-type": "application/json" };

interface Report {
  readonly id: string;
  readonly state: string;
  readonly memory_bytes: number | null;
}

/** A server of these entries of `models`. */
async function serve(models: readonly object[], ...args: string[]): Promise<TestServer> {
  const path = join(scratch, "millrace.yaml");
  writeFileSync(path, JSON.stringify({ parallel: 2, context: 512, models }));
  return await startServer({ args: ["--config", path, ...args] });
}

async function ask({ url }: TestServer, model: string, over: object = {}) {
  const body = JSON.stringify({ model, prompt: "Once upon a time", max_tokens: 8, ignore_eos: true, ...over });
  const response = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
  return { status: response.status, retryAfter: response.headers.get("retry-after"), text: await response.text() };
}

async function post({ url }: TestServer, path: string): Promise<Report> {
  return (await (await fetch(`${url}/admin/models/${path}`, { method: "POST" })).json()) as Report;
}

async function reports({ url }: TestServer): Promise<Report[]> {
  return ((await (await fetch(`${url}/admin/models`)).json()) as { data: Report[] }).data;
}

const states = async (server: TestServer) => (await reports(server)).map(({ id, state }) => `${id}:${state}`).join(" ");
const until = (server: TestServer, wanted: string) =>
  poll(async () => ((await states(server)) === wanted ? true : undefined));

test("a real model and a fake one side by side: listed, loaded on demand, unloaded with requests running", async () => {
  const models = [
    { name: "real", model: await testModel("smollm2") },
    { name: "toy/one", engine: "fake?stepMs=20", load: "on_demand" },
  ];
  await using server = await serve(models);
  expect(server.output()).toMatch(/model +real · [^]*model +toy\/one · loaded when a request names it/);
  const listed = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
  expect(listed.data.map(({ id }) => id)).toEqual(["real", "toy/one"]);
  expect(await states(server)).toBe("real:ready toy/one:unloaded");
  expect((await reports(server))[0]!.memory_bytes).toBeGreaterThan(100e6);
  expect((await reports(server))[1]!.memory_bytes).toBeNull();

  const answers = await Promise.all([ask(server, "real"), ask(server, "toy/one"), ask(server, "toy/one")]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(await states(server)).toBe("real:ready toy/one:ready");
  const engines = descendants(server.process.pid!);

  const running = [
    ask(server, "real", { max_tokens: 100 }),
    ask(server, "toy/one", { max_tokens: 100 }),
    ask(server, "toy/one", { max_tokens: 50, stream: true }),
  ];
  await poll(async () => ((await reports(server))[1]!.state === "ready" ? true : undefined));
  expect((await post(server, "toy%2Fone/unload")).state).toBe("unloading");
  running.push(ask(server, "toy/one")); // waits until it is loaded again
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  await until(server, "real:ready toy/one:ready");

  await post(server, "toy/one/unload");
  await until(server, "real:ready toy/one:unloaded");
  await post(server, "real/unload");
  await until(server, "real:unloaded toy/one:unloaded");
  await poll(() => (engines.some(isAlive) ? undefined : true));
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect((await ask(server, "real")).status).toBe(200);
});

test("memory for one of two: each is loaded when it is asked for, and the other goes, never under a request", async () => {
  const model = await testModel("smollm2");
  const onDemand = { model, load: "on_demand", keep_alive: "1h", parallel: 8, context: 2048 };
  await using server = await serve(
    [
      { ...onDemand, name: "a" },
      { ...onDemand, name: "b" },
      { ...onDemand, name: "large", context: 8192, parallel: 16 },
    ],
    "--model-memory",
    "800MiB",
  );
  expect((await ask(server, "a")).status).toBe(200);
  expect((await ask(server, "b")).status).toBe(200);
  expect(await states(server)).toBe("a:unloaded b:ready large:unloaded");
  const both = await Promise.all([ask(server, "b", { max_tokens: 200 }), ask(server, "a")]);
  expect(both.map(({ status }) => status)).toEqual([200, 200]);
  expect(await states(server)).toBe("a:ready b:unloaded large:unloaded");
  const { status, text } = await ask(server, "large");
  expect(status).toBe(503);
  const { error } = JSON.parse(text) as { error: { code: string; message: string } };
  expect(error.code).toBe("model_too_large");
  expect(error.message).toMatch(/model 'large' is not loaded: .* needs about .* and 800 MiB can be had; --/);
  expect(await states(server)).toBe("a:ready b:unloaded large:failed");
});

test("a request that cannot wait until the model is loaded is told how far it is", async () => {
  const models = [{ name: "slow", engine: "fake?loadMs=3000", load: "on_demand", replicas: 2, keep_alive: 0 }];
  await using server = await serve(models);
  const patient = ask(server, "slow");
  await poll(async () => ((await states(server)) === "slow:loading" ? true : undefined));
  const { status, retryAfter, text } = await ask(server, "slow", { timeout: 0.5 });
  expect(status).toBe(503);
  expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
  const { error } = JSON.parse(text) as { error: { code: string; loading: { progress: number } } };
  expect(error).toMatchObject({ code: "model_loading", loading: { progress: expect.any(Number) as number } });
  expect((await patient).status).toBe(200);
  await until(server, "slow:unloaded");
});

test("two models of one name, and one that is neither a file nor known, are refused at the start", async () => {
  const fake = { engine: "fake", name: "a" };
  await expect(serve([fake, fake])).rejects.toThrow(/two models are called 'a'/);
  await expect(serve([fake, { model: "nonesuch", load: "on_demand" }])).rejects.toThrow(/'nonesuch' is neither a file/);
});
