import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../config/load-config.ts";
import type { EmbeddingRequest } from "../../core/embedding.ts";
import { failure } from "../../core/errors.ts";
import type { ChatMessage, GenerationEvent, GenerationRequest } from "../../core/generation.ts";
import type { EngineInfo } from "../../engine/engine.ts";
import { someRequest, someSampling } from "../../inference/testing.ts";
import type { Lease } from "../leased-stream.ts";
import type { Engines } from "../replicas.ts";
import { Recorder } from "./recorder.ts";
import { RecordingFolder, type ModelFacts } from "./recording-folder.ts";
import { Replay } from "./replay.ts";
import { withRecordings } from "./replayed-model.ts";

const logger = pino({ level: "silent" });
const never = new AbortController().signal;
let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "millrace-recordings-"));
});
afterEach(() => rmSync(path, { recursive: true }));

const info: EngineInfo = {
  library: "toy",
  cpuVariant: "none",
  description: "a toy",
  contextPerSlot: 512,
  trainedContext: 512,
  capabilities: { trimInPlace: true, trimAfterRestore: true, window: 0, recurrent: false },
};

const aRequest = (over: Partial<GenerationRequest> = {}): GenerationRequest =>
  someRequest({
    id: "r1",
    model: "toy",
    tenant: { name: "key-1234", weight: 1 },
    prompt: { kind: "chat", messages: [{ role: "user", content: "Why is the sky blue?" }] },
    sampling: someSampling({ seed: 7 }),
    constraint: undefined,
    ...over,
  });

const texts: EmbeddingRequest = {
  ...aRequest(),
  inputs: [{ kind: "text", text: "a mill" }],
  listed: true,
  dimensions: undefined,
};

const usage = { promptTokens: 3, cachedTokens: 0, completionTokens: 2 };
const answer: readonly GenerationEvent[] = [
  { type: "admitted", promptTokens: [1, 2, 3], reasoning: "possible" },
  { type: "text-delta", text: "It ", tokens: [4] },
  { type: "text-delta", text: "is.", tokens: [5] },
  { type: "finished", reason: "stop", usage },
];

/** Engines that say `events`; an error among them is thrown. */
function saying(events: readonly (GenerationEvent | Error)[], over: Partial<EngineInfo> = {}): Engines {
  const backend: Lease["backend"] = {
    async *generate() {
      for (const event of events) {
        if (event instanceof Error) throw event;
        yield event;
      }
    },
    embed: async () => ({ vectors: [Float32Array.of(0.6, -0.8)], promptTokens: 4 }),
    ask: async () => ({ tokens: [7, 8] }),
  };
  return {
    ready: async () => {},
    status: () => ({ state: "ready" }),
    pids: [],
    info: { ...info, ...over },
    reschedule: () => {},
    lease: () => ({ backend, release: () => {} }),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The same engines, recorded. */
async function recorded(engines: Engines, over: Partial<ModelFacts> = {}): Promise<Lease["backend"]> {
  const recorder = new Recorder(path, logger);
  const model = { id: "toy", hasChatTemplate: true, defaults: { seed: 0, stop: ["\n"] }, ...over };
  recorder.expect(model.id);
  const around = recorder.around(engines, model);
  await around.ready();
  return around.lease().backend;
}

function replayed(timing = false): Replay {
  const folder = new RecordingFolder(path);
  return new Replay(folder.models()[0]!, { folder, timing });
}

async function collect(
  backend: Pick<Replay, "generate"> | Lease["backend"],
  request: GenerationRequest,
  signal = never,
) {
  const events: GenerationEvent[] = [];
  for await (const event of backend.generate(request, signal)) events.push(event);
  return events;
}

const files = () => readdirSync(path).toSorted();

const token = {
  token: fc.nat(),
  bytes: fc.array(fc.nat(255)),
  isControl: fc.boolean(),
  logprob: fc.double({ max: 0, min: -9999, noNaN: true }),
};
const logprobs = fc.array(fc.record({ ...token, begin: fc.nat(), top: fc.array(fc.record(token)) }));
const deltas = fc.array(
  fc.record(
    {
      type: fc.constant("text-delta" as const),
      text: fc.string({ unit: "grapheme" }),
      tokens: fc.array(fc.nat()),
      logprobs,
    },
    { requiredKeys: ["type", "text", "tokens"] },
  ),
);

test("what is replayed is what was said, to whoever asks the same", async () => {
  const content = fc.string({ unit: "binary" });
  await fc.assert(
    fc.asyncProperty(deltas, content, async (said, content) => {
      const events = [answer[0]!, ...said, answer.at(-1)!];
      const request = aRequest({ prompt: { kind: "chat", messages: [{ role: "user", content }] } });
      expect(await collect(await recorded(saying(events)), request)).toEqual(events);
      const other = { id: "r2", tenant: { name: "other", weight: 2 }, lane: "batch", timeoutMs: 5 } as const;
      expect(await collect(replayed(), { ...request, ...other })).toEqual(JSON.parse(JSON.stringify(events)));
    }),
    { numRuns: 50 },
  );
});

test("embeddings, and questions about the vocabulary", async () => {
  const backend = await recorded(saying(answer, { dimensions: 2 }));
  const tokenize = { kind: "tokenize", text: "a mill", addSpecial: true, parseSpecial: false } as const;
  const said = [await backend.embed(texts, never), await backend.ask(tokenize, never)];
  expect([await replayed().embed(texts, never), await replayed().ask(tokenize, never)]).toEqual(said);
  await expect(replayed().ask({ ...tokenize, addSpecial: false }, never)).rejects.toMatchObject({
    code: "not_recorded",
    message: expect.stringMatching(/^the text or tokens of "a mill" by 'toy' .*has another addSpecial;/),
  });
});

test("a file is a question and its answer, by lines; no key, no trace of who asked, for its owner only", async () => {
  await collect(await recorded(saying(answer)), aRequest());
  const [file, model] = files();
  expect(file).toMatch(/^generate-[0-9a-f]{32}\.jsonl$/);
  expect(model).toMatch(/^model-[0-9a-f]{32}\.json$/);
  expect(statSync(join(path, file!)).mode & 0o777).toBe(0o600);
  const text = readFileSync(join(path, file!), "utf8");
  const [first, ...others] = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(first).toMatchObject({ kind: "generate", asked: { model: "toy", sampling: { seed: 7 } } });
  expect(others.map((line) => ({ ...line, ms: 0 }))).toEqual(answer.map((reply) => ({ ms: 0, reply })));
  expect(text).not.toMatch(/key-1234|interactive|"r1"/);
});

test("the same question has the same file however its fields are ordered, and every field that decides counts", async () => {
  const backend = await recorded(saying(answer));
  const request = aRequest();
  await collect(backend, request);
  await collect(backend, Object.fromEntries(Object.entries(request).toReversed()) as unknown as GenerationRequest);
  expect(files()).toHaveLength(2);
  const others: Partial<GenerationRequest>[] = [
    { prompt: { kind: "text", text: "Why is the sky blue?" } },
    { choice: 1 },
    { maxTokens: undefined },
    { logprobs: 0 },
    { sampling: { ...request.sampling, seed: 8 } },
    { stop: ["\n"] },
    { ignoreEos: true },
    { constraint: { rules: [{ kind: "text", text: "Yes" }] } },
    { progress: true },
  ];
  for (const over of others) await collect(backend, aRequest(over));
  expect(files()).toHaveLength(2 + others.length);
});

test.each([
  ["fails", [...answer.slice(0, 2), failure("engine_failed", { problem: "a toy broke" })]],
  ["ends too early", answer.slice(0, 3)],
])("an answer that %s is not recorded", async (_how, events) => {
  const backend = await recorded(saying(events));
  await collect(backend, aRequest()).catch(() => {});
  expect(files()).toHaveLength(1);
});

test("nor is one whose reader leaves", async () => {
  const backend = await recorded(saying(answer));
  for await (const event of backend.generate(aRequest(), never)) if (event.type === "text-delta") break;
  expect(files()).toHaveLength(1);
});

test("what was not recorded is refused with what was asked, where it was looked for, and what comes closest", async () => {
  const backend = await recorded(saying(answer));
  await collect(backend, aRequest({ stop: ["a"], maxTokens: 5 }));
  await collect(backend, aRequest());
  const asked = aRequest({ sampling: { ...aRequest().sampling, temperature: 0.5 } });
  const closest = new RegExp(
    String.raw`^the answer to "Why is the sky blue\?" by 'toy' is not recorded in '${path}'; ` +
      String.raw`the closest recording, generate-\w+\.jsonl, has another temperature; to record it, .*--record ${path}$`,
  );
  await expect(collect(replayed(), asked)).rejects.toMatchObject({
    code: "not_recorded",
    message: expect.stringMatching(closest),
  });
  const long = aRequest({ prompt: { kind: "text", text: "x".repeat(500) } });
  await expect(collect(replayed(), long)).rejects.toThrow(/^the answer to "x{77}\.\.\." by/);
});

test("what this model can never answer is refused as it would refuse it", async () => {
  await recorded(saying(answer), { hasChatTemplate: false });
  await expect(collect(replayed(), aRequest())).rejects.toMatchObject({ code: "no_chat_template" });
  await expect(replayed().embed(texts, never)).rejects.toMatchObject({ code: "no_embeddings" });
  await recorded(saying(answer, { dimensions: 2 }));
  await expect(collect(replayed(), aRequest())).rejects.toMatchObject({ code: "only_embeddings" });
});

test("with its timing it comes when it came then, within the request's timeout", async () => {
  await collect(await recorded(saying(answer)), aRequest());
  const file = join(path, files()[0]!);
  const hour = 3_600_000;
  const times = [0, 0, 1, hour, hour];
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  writeFileSync(file, lines.map((line, n) => line.replace(/"ms":\d+/, `"ms":${times[n]}`)).join("\n"));
  expect(await collect(replayed(false), aRequest({ timeoutMs: 30 }))).toEqual(answer);
  const late = collect(replayed(true), aRequest({ timeoutMs: 30 }));
  await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" });
  const reader = new AbortController();
  const events: GenerationEvent[] = [];
  const reading = async () => {
    for await (const event of replayed(true).generate(aRequest(), reader.signal)) {
      if (events.push(event) === 2) setImmediate(() => reader.abort());
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: "request_cancelled" });
  expect(events).toEqual(answer.slice(0, 2));
});

test("ids of calls, which each answer makes anew, do not decide; which call a result answers does", async () => {
  const call = (id: string) =>
    ({ id, type: "function", function: { name: "weather", arguments: { city: "Rome" } } }) as const;
  const asking = (first: string, second: string, answered = [first, second]) => {
    const messages: readonly ChatMessage[] = [
      { role: "user", content: "The weather?" },
      { role: "assistant", content: "", tool_calls: [call(first), call(second)] },
      ...answered.map((id) => ({ role: "tool", content: "sunny", tool_call_id: id })),
    ];
    return { messages, request: aRequest({ prompt: { kind: "chat", messages } }) };
  };
  const backend = await recorded(saying(answer));
  const { messages, request } = asking("call_9_0", "call_7_1");
  await collect(backend, request);
  await backend.ask({ kind: "render", model: "toy", messages }, never);
  const other = asking("b", "a");
  expect(await collect(replayed(), other.request)).toEqual(answer);
  expect(await replayed().ask({ kind: "render", model: "toy", messages: other.messages }, never)).toBeDefined();
  const turned = asking("a", "b", ["b", "a"]);
  await expect(collect(replayed(), turned.request)).rejects.toMatchObject({ code: "not_recorded" });
});

test("a damaged recording is an error that names its line", async () => {
  await collect(await recorded(saying(answer)), aRequest());
  const file = join(path, files()[0]!);
  const lines = readFileSync(file, "utf8").split("\n");
  for (const wrong of ['{"ms":1,"reply":{"type":"text-delta","text":5}}', "{"]) {
    writeFileSync(file, lines.with(2, wrong).join("\n"));
    await expect(collect(replayed(), aRequest())).rejects.toMatchObject({
      code: "invalid_recording",
      message: expect.stringMatching(/generate-\w+\.jsonl:3 is not a recording: /),
    });
  }
  for (const count of [0, 1, 4]) {
    writeFileSync(file, lines.slice(0, count).join("\n"));
    await expect(collect(replayed(), aRequest())).rejects.toMatchObject({
      code: "invalid_recording",
      message: expect.stringMatching(
        new RegExp(`\\.jsonl:${Math.max(count, 1) + 1} is not a .*: the answer's end is missing`),
      ),
    });
  }
});

test("files that are no recordings do not stand in the way of others", async () => {
  await collect(await recorded(saying(answer)), aRequest({ maxTokens: 5 }));
  const [file] = files();
  writeFileSync(join(path, `${file!}~`), "a backup");
  writeFileSync(join(path, "generate-0.jsonl"), "");
  writeFileSync(join(path, "generate-1.jsonl"), "{");
  mkdirSync(join(path, "generate-2.jsonl"));
  await expect(collect(replayed(), aRequest())).rejects.toMatchObject({
    code: "not_recorded",
    message: expect.stringContaining(`the closest recording, ${file!}, has another maxTokens`),
  });
});

test("the models of a replay are the recorded ones, in the order that they had", async () => {
  const recorder = new Recorder(path, logger);
  for (const id of ["zebra", "ant"]) recorder.expect(id);
  for (const id of ["ant", "zebra"])
    await recorder.around(saying(answer), { id, hasChatTemplate: true, defaults: { temperature: 0.2 } }).ready();
  const { models } = withRecordings(loadConfig({ replay: path, model: "not-there" }, {}));
  expect(models.map(({ config }) => config.name)).toEqual(["zebra", "ant"]);
  expect(new RecordingFolder(path).models()[0]).toEqual({
    id: "zebra",
    place: 0,
    hasChatTemplate: true,
    defaults: { temperature: 0.2 },
    info,
  });
});

test("a configuration that makes no sense is refused", () => {
  const check = (flags: Parameters<typeof loadConfig>[0]) => () => withRecordings(loadConfig(flags, {}));
  expect(check({ record: path })().models).toHaveLength(1);
  expect(check({ record: path, replay: path })).toThrow(/record and replay/);
  expect(check({ replayTiming: true })).toThrow(/give replay a folder/);
  expect(check({ replay: path })).toThrow(/no recordings in/);
  expect(check({ replay: join(path, "nowhere") })).toThrow(/no recordings in/);
  writeFileSync(join(path, "model-1.json"), "{}");
  expect(check({ replay: path })).toThrow(/model-1\.json is not a recording/);
  expect(() => new Recorder(join(path, "model-1.json", "below"), logger)).toThrow(/^record: /);
});
