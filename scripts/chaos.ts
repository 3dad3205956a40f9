/**
 * Kills the engine under eight streams, again and again, and looks at what their readers got: no stream may break, no
 * token may be missing or come twice. `npm run test:chaos -- [KILLS] [fake|real]`, default 50 and both.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { defaultPlan } from "../src/core/execution-plan.ts";
import type { GenerationRequest } from "../src/core/generation.ts";
import { defaultScheduling } from "../src/core/scheduling.ts";
import { silenceNativeLog } from "../src/engine/llama/native-log.ts";
import { openEngine, type EngineSpec } from "../src/engine/open.ts";
import { EngineHost } from "../src/host/engine-host.ts";
import { threadsForThisMachine } from "../src/host/cpu-lease.ts";
import { resolveModel } from "../src/model/resolve-model.ts";

const streams = 8;
const answerTokens = 160;
/** The largest difference between a row's maximum and the logit of its greedy token under another batch shape. */
const tolerance = 2.5;
const never = new AbortController().signal;

interface Answer {
  readonly request: GenerationRequest;
  text: string;
  prompt: readonly number[];
  tokens: number[];
  admitted: number;
  resumes: number;
  promptTokens: number;
  completionTokens: number;
}

/** One kill: when it was, the process it ended, and when each stream went on. */
interface Kill {
  readonly at: number;
  readonly pid: number;
  /** To `ready` of the next process, in ms. */
  startMs: number;
  /** Tokens that the streams had then, all of which must be computed anew. */
  readonly tokens: number;
  readonly waiting: Set<number>;
  readonly recoveryMs: number[];
}

function requestOf(lane: number, round: number): GenerationRequest {
  return {
    id: `lane${lane}-${round}`,
    model: "chaos",
    tenant: { name: `tenant${lane}`, weight: 1 },
    lane: "interactive",
    timeoutMs: undefined,
    prompt: { kind: "text", text: `Story number ${lane}: once upon a time ` },
    maxTokens: answerTokens,
    // Every other one greedy: what it says can be checked against the logits.
    sampling: {
      temperature: lane % 2,
      topK: 0,
      topP: 1,
      minP: 0,
      repeatPenalty: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      seed: lane,
    },
    stop: [],
    ignoreEos: true,
  };
}

class Chaos {
  readonly answers: Answer[] = [];
  readonly kills: Kill[] = [];
  readonly #host: EngineHost;
  readonly #running = new Map<number, Answer>();
  #over = false;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  async run(kills: number): Promise<void> {
    const readers = Array.from({ length: streams }, (_, lane) => this.#read(lane));
    const killing = (async () => {
      for (let i = 0; i < kills; i++) await this.#kill(i);
      this.#over = true;
    })();
    await Promise.all([killing, ...readers]);
  }

  async #read(lane: number): Promise<void> {
    for (let round = 0; !this.#over; round++) {
      const request = requestOf(lane, round);
      const counts = { admitted: 0, resumes: 0, promptTokens: 0, completionTokens: 0 };
      const answer: Answer = { request, text: "", prompt: [], tokens: [], ...counts };
      this.#running.set(lane, answer);
      for await (const event of this.#host.generate(request, never)) {
        this.#notice(lane);
        if (event.type === "admitted") {
          answer.admitted++;
          answer.prompt = event.promptTokens;
        } else if (event.type === "text-delta") {
          answer.text += event.text;
          answer.tokens.push(...event.tokens);
        } else Object.assign(answer, { resumes: event.resumes ?? 0, ...event.usage });
      }
      this.answers.push(answer);
    }
  }

  /** A stream has got something: if that comes from a new process, it has recovered. */
  #notice(lane: number): void {
    const kill = this.kills.at(-1);
    if (kill === undefined || this.#host.pid === kill.pid || !kill.waiting.delete(lane)) return;
    kill.recoveryMs.push(performance.now() - kill.at);
  }

  async #kill(number: number): Promise<void> {
    await until(() => this.#running.size === streams && (this.kills.at(-1)?.waiting.size ?? 0) === 0);
    await sleep(100 + ((number * 137) % 700));
    const running = [...this.#running.values()];
    const tokens = running.reduce((sum, { prompt, tokens }) => sum + prompt.length + tokens.length, 0);
    const waiting = new Set(this.#running.keys());
    const pid = this.#host.pid!;
    const kill: Kill = { at: performance.now(), pid, startMs: 0, tokens, waiting, recoveryMs: [] };
    this.kills.push(kill);
    process.kill(pid, "SIGKILL");
    await until(() => this.#host.pid !== pid && this.#host.status().state === "ready");
    kill.startMs = performance.now() - kill.at;
  }
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error("a stream did not go on within a minute");
    await sleep(1);
  }
}

function startHost(spec: EngineSpec): EngineHost {
  const logger = pino({ level: "silent" });
  return EngineHost.start(spec, { modelId: "chaos", scheduling: defaultScheduling, logger });
}

/** What the streams say when nobody kills the engine, by lane. */
async function undisturbed(spec: EngineSpec): Promise<string[]> {
  await using host = startHost(spec);
  await host.ready();
  const texts = Array.from({ length: streams }, async (_, lane) => {
    let text = "";
    for await (const event of host.generate(requestOf(lane, -1), never))
      if (event.type === "text-delta") text += event.text;
    return text;
  });
  return await Promise.all(texts);
}

/** By how much the greedy answers' tokens fall short of the largest logit, at most, when all of it is computed at once. */
function worstGap(spec: EngineSpec, answers: readonly Answer[]): number {
  silenceNativeLog();
  using engine = openEngine(spec);
  let worst = 0;
  for (const { prompt, tokens } of answers) {
    engine.trim(0, 0);
    const all = Int32Array.from([...prompt, ...tokens]);
    for (let from = 0; from < all.length; from += engine.plan.outputs) {
      const count = Math.min(engine.plan.outputs, all.length - from);
      const output = engine.step([{ slot: 0, tokens: all, from, count, outputs: "all" }]);
      for (let i = 0; i < count; i++) {
        const next = from + i + 1;
        if (next < prompt.length || next >= all.length) continue;
        const logits = output.logits(0, i);
        worst = Math.max(worst, logits.reduce((a, b) => Math.max(a, b)) - logits[all[next]!]!);
      }
    }
  }
  return worst;
}

function assertThat(holds: boolean, problem: string): void {
  if (holds) return;
  console.error(`broken: ${problem}`);
  process.exitCode = 1;
}

async function chaos(name: "fake" | "real", spec: EngineSpec, kills: number): Promise<void> {
  const expected = name === "fake" ? await undisturbed(spec) : undefined;
  await using host = startHost(spec);
  await host.ready();
  const run = new Chaos(host);
  await run.run(kills);
  for (const answer of run.answers) {
    const { id, sampling } = answer.request;
    const { tokens, completionTokens, promptTokens, prompt } = answer;
    assertThat(answer.admitted === 1, `${id} was admitted ${answer.admitted} times`);
    assertThat(tokens.length === answerTokens, `${id} has ${tokens.length} tokens`);
    assertThat(completionTokens === tokens.length && promptTokens === prompt.length, `${id} has the wrong usage`);
    if (expected !== undefined) assertThat(answer.text === expected[sampling.seed], `${id} says something else`);
  }
  await host[Symbol.asyncDispose]();
  report(name, run);
  if (name === "fake") return;
  const greedy = run.answers.filter(({ request, resumes }) => request.sampling.temperature === 0 && resumes > 0);
  const gap = worstGap(spec, greedy.slice(0, 16));
  console.log(`  greedy tokens fall short of the largest teacher-forced logit by at most ${gap.toFixed(3)}`);
  assertThat(gap <= tolerance, `a token that is not within ${tolerance} of the largest logit`);
}

function report(name: string, { answers, kills }: Chaos): void {
  const recoveries = kills.flatMap(({ recoveryMs }) => recoveryMs);
  const starts = kills.map(({ startMs }) => startMs);
  const resumed = answers.filter(({ resumes }) => resumes > 0).length;
  const tokens = kills.map(({ tokens }) => tokens);
  console.log(`${name}: ${kills.length} kills, ${answers.length} answers, ${resumed} of them went on after a death`);
  console.log(`  from the kill to the next token of a stream: ${spread(recoveries)}`);
  console.log(`  of that, from the kill to an engine that is ready: ${spread(starts)}`);
  console.log(`  tokens to compute anew, of all streams: ${spread(tokens)}`);
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, most ${at(1)}`;
}

const [kills = "50", only] = process.argv.slice(2);
const plan = (file: string) => ({ ...defaultPlan(file, threadsForThisMachine().threads), slots: streams });
if (only !== "real") await chaos("fake", { engine: "fake?stepMs=5", plan: plan("fake") }, Number(kills));
if (only !== "fake") {
  const { file } = await resolveModel("smollm2-135m-instruct", { home: ".cache/models" });
  await chaos("real", { engine: "llama", plan: plan(file) }, Number(kills));
}
