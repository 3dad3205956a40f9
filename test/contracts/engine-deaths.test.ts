import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { GenerationRequest } from "../../src/core/generation.ts";
import type { EngineHost } from "../../src/host/engine-host.ts";
import { someSampling } from "../../src/inference/testing.ts";
import { aRequest, collectAll, never, readyHost, type Collected } from "./host/hosts.ts";

// Every way to die at every point of a request's life: its reader gets what it would have got, once.

const signals = ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGSTOP"] as const;
const tale = "Ω≈ç√∫˜µ≤≥÷ 👩‍👩‍👧‍👦🏳️‍🌈 ".repeat(6);
const script = `script=${encodeURIComponent(JSON.stringify({ tale }))}`;

/** A stream as it is read. */
interface Reading {
  readonly answer: Promise<Collected>;
  admitted: boolean;
  tokens: number;
  /** The latest token did not complete a character. */
  withinCharacter: boolean;
}

interface Point {
  /** Options of the fake engine. */
  readonly engine: string;
  readonly slots?: number;
  /** The requests of a round. */
  readonly requests: () => readonly GenerationRequest[];
  /** Asks them, and returns when the engine is where it is to die. */
  readonly arrive: (host: EngineHost, requests: readonly GenerationRequest[]) => Promise<Reading[]>;
}

const text = (words: string) => ({ kind: "text", text: words }) as const;
const stories = (over: Partial<GenerationRequest> = {}) =>
  [1, 2, 3].map((seed) =>
    aRequest({ prompt: text(`story ${seed}`), sampling: someSampling({ seed }), maxTokens: 60, ...over }),
  );
const long = (words: string) => text(words.repeat(1200 / words.length));

const points: Readonly<Record<string, Point>> = {
  "while it loads": {
    engine: "fake?stepMs=4&loadMs=500",
    requests: () => stories(),
    async arrive(host, requests) {
      const readings = requests.map((request) => read(host, request));
      await until(() => readings.every(({ tokens }) => tokens > 12));
      process.kill(host.pid!, "SIGKILL");
      await until(() => host.status().state === "loading" && host.pid !== undefined);
      await sleep(100);
      return readings;
    },
  },
  "in a prefill": {
    engine: "fake?prefillUsPerToken=300&decodeUsPerSequence=2000",
    requests: () => [1, 2, 3].map((n) => aRequest({ prompt: long(`${n} miles `), maxTokens: 30 })),
    async arrive(host, requests) {
      const readings = requests.map((request) => read(host, request));
      await until(() => readings.every(({ admitted }) => admitted));
      await sleep(100);
      return readings;
    },
  },
  "while it decodes": {
    engine: "fake?stepMs=4",
    requests: () => stories(),
    async arrive(host, requests) {
      const readings = requests.map((request) => read(host, request));
      await until(() => readings.every(({ tokens }) => tokens > 15));
      return readings;
    },
  },
  "between tokens of one character": {
    engine: "fake?stepMs=8",
    requests: () => [aRequest({ prompt: text("tale"), maxTokens: 150, stop: ["👦🏳️‍🌈 Ω≈ç√∫˜µ≤≥÷!"] })],
    async arrive(host, requests) {
      const readings = requests.map((request) => read(host, request));
      await until(() => readings[0]!.tokens > 12 && readings[0]!.withinCharacter);
      return readings;
    },
  },
  "while others wait for the beginning that they share": {
    engine: "fake?prefillUsPerToken=300&decodeUsPerSequence=2000",
    requests: () => {
      const beginning = `The story of the old mill, day ${crypto.randomUUID()}. `.repeat(20);
      return [1, 2, 3].map((n) => aRequest({ prompt: text(`${beginning} Part ${n}`), maxTokens: 30 }));
    },
    async arrive(host, requests) {
      const readings = requests.map((request) => read(host, request));
      await until(() => readings.every(({ admitted }) => admitted));
      await sleep(60);
      return readings;
    },
  },
  "while a preempted sequence is parked": {
    engine: "fake?stepMs=6",
    slots: 1,
    requests: () => [
      aRequest({ prompt: long("a batch of words "), lane: "batch", maxTokens: 60 }),
      aRequest({ prompt: text("urgent"), maxTokens: 60 }),
    ],
    async arrive(host, [batch, urgent]) {
      const parked = read(host, batch!);
      await until(() => parked.tokens > 12);
      const running = read(host, urgent!);
      await until(() => running.tokens > 3);
      expect(parked.tokens).toBeLessThan(60);
      return [parked, running];
    },
  },
  "while what was said before is parked": {
    engine: "fake?stepMs=6",
    slots: 1,
    requests: () => [
      aRequest({ prompt: long("said before "), maxTokens: 5 }),
      aRequest({ prompt: long("said since "), maxTokens: 40 }),
      aRequest({ prompt: long("said before "), maxTokens: 40 }),
    ],
    async arrive(host, [before, since, again]) {
      const said = read(host, before!);
      await said.answer;
      const running = read(host, since!);
      await until(() => running.tokens > 3);
      return [said, running, read(host, again!)];
    },
  },
};

let reference: EngineHost;
beforeAll(async () => {
  reference = await readyHost(`fake?${script}`);
});
afterAll(() => reference[Symbol.asyncDispose]());

test.each(Object.entries(points))("%s", async (_name, { engine, slots, requests, arrive }) => {
  await using host = await readyHost(`${engine}&${script}`, { silenceMs: 2000 }, slots);
  for (const signal of signals) {
    const asked = requests();
    const readings = await arrive(host, asked);
    const { pid } = host;
    process.kill(pid!, signal);
    const answers = await Promise.all(readings.map(({ answer }) => answer));
    expect(host.pid).not.toBe(pid);
    for (const [i, request] of asked.entries()) {
      const expected = await collectAll(reference.generate({ ...request, id: `${request.id}-whole` }, never));
      expect({ signal, ...comparable(answers[i]!) }).toEqual({ signal, ...comparable(expected) });
    }
  }
});

test.each(["garbage", "hangup"])("the channel breaks (%s) while streams run", async (crash) => {
  const asked = stories();
  await using host = await readyHost(`fake?stepMs=4&crashAtStep=40&crash=${crash}&${script}`);
  const { pid } = host;
  const answers = await Promise.all(asked.map((request) => collectAll(host.generate(request, never))));
  expect(host.pid).not.toBe(pid);
  for (const [i, request] of asked.entries()) {
    const expected = await collectAll(reference.generate({ ...request, id: `${request.id}-whole` }, never));
    expect(comparable(answers[i]!)).toEqual(comparable(expected));
  }
});

test("the clock on the wall jumps by a day, forth and back: nothing happens", async () => {
  await using host = await readyHost("fake?stepMs=5", { silenceMs: 3000 });
  const { pid } = host;
  const begin = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const answers = Promise.all(
      stories({ timeoutMs: 30_000, maxTokens: 200 }).map((request) => read(host, request).answer),
    );
    for (const days of [1, -1, 365]) {
      vi.setSystemTime(begin + days * 86_400_000);
      await sleep(300);
    }
    for (const { tokens, resumes } of await answers) expect([tokens.length, resumes]).toEqual([200, 0]);
    expect(host.pid).toBe(pid);
  } finally {
    vi.useRealTimers();
  }
});

function read(host: EngineHost, request: GenerationRequest): Reading {
  const reading = { admitted: false, tokens: 0, withinCharacter: false };
  async function* noticed() {
    for await (const event of host.generate(request, never)) {
      if (event.type === "admitted") reading.admitted = true;
      if (event.type === "text-delta") {
        reading.tokens += event.tokens.length;
        reading.withinCharacter = event.text === "";
      }
      yield event;
    }
  }
  return Object.assign(reading, { answer: collectAll(noticed()) });
}

/** All but what depends on how often it was computed. */
function comparable({ text, tokens, admitted, usage }: Collected) {
  return { text, tokens, admitted, usage: { ...usage, cachedTokens: 0 } };
}

async function until(holds: () => boolean): Promise<void> {
  await vi.waitUntil(holds, { timeout: 30_000, interval: 1 });
}
