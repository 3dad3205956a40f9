import { setTimeout as sleep } from "node:timers/promises";
import type { GenerationRequest } from "../../src/core/generation.ts";
import type { EngineHost } from "../../src/host/engine-host.ts";
import { requestOf, streams } from "./workload.ts";

const never = new AbortController().signal;

/** What the reader of one request got. */
export interface Answer {
  readonly request: GenerationRequest;
  text: string;
  prompt: readonly number[];
  tokens: number[];
  /** How often it was told the prompt. */
  admitted: number;
  resumes: number;
  promptTokens: number;
  completionTokens: number;
}

/** The end of an engine process and what came after it, in ms after it. */
export interface Kill {
  readonly at: number;
  readonly pid: number;
  /** Prompt and answer of each stream then: what must be computed anew. */
  readonly histories: readonly Int32Array[];
  /** The server knows. */
  noticedMs: number;
  /** The next process is ready. */
  readyMs: number;
  /** Lanes that have not got from it what they must, and how many events that is still. */
  readonly waiting: Map<number, number>;
  /** So many events of each stream must come before the next kill. */
  readonly eventsToNext: number;
  /** When each stream went on. */
  readonly recoveryMs: number[];
}

/** Eight readers who ask again and again, and somebody who ends the engine under them. */
export class ChaosRun {
  readonly answers: Answer[] = [];
  readonly kills: Kill[] = [];
  readonly #host: EngineHost;
  readonly #running = new Map<number, Answer>();
  #over = false;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /** Ends when all is answered that was asked. Throws what broke a stream. */
  async run(kills: number, signal: NodeJS.Signals): Promise<void> {
    const readers = Array.from({ length: streams }, (_, lane) => this.#read(lane));
    const killing = (async () => {
      for (let i = 0; i < kills; i++) await this.#kill(i, signal);
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
        } else if (event.type === "finished") Object.assign(answer, { resumes: event.resumes ?? 0, ...event.usage });
      }
      this.answers.push(answer);
    }
  }

  /** A stream has got something: if that comes from a new process, it has recovered. */
  #notice(lane: number): void {
    const kill = this.kills.at(-1);
    const left = kill?.waiting.get(lane);
    if (kill === undefined || left === undefined || this.#host.pid === kill.pid) return;
    if (left === kill.eventsToNext) kill.recoveryMs.push(performance.now() - kill.at);
    if (left === 1) kill.waiting.delete(lane);
    else kill.waiting.set(lane, left - 1);
  }

  async #kill(number: number, signal: NodeJS.Signals): Promise<void> {
    await until(() => this.#running.size === streams && (this.kills.at(-1)?.waiting.size ?? 0) === 0);
    await sleep(100 + ((number * 137) % 700));
    const running = [...this.#running.values()];
    const kill: Kill = {
      at: performance.now(),
      pid: this.#host.pid!,
      histories: running.map(({ prompt, tokens }) => Int32Array.from([...prompt, ...tokens])),
      noticedMs: 0,
      readyMs: 0,
      // After its own fault an engine tries streams one by one: killed in a trial, it would convict an innocent one.
      eventsToNext: signal === "SIGKILL" ? 1 : 8,
      waiting: new Map(),
      recoveryMs: [],
    };
    for (const lane of this.#running.keys()) kill.waiting.set(lane, kill.eventsToNext);
    this.kills.push(kill);
    process.kill(kill.pid, signal);
    await until(() => this.#host.pid !== kill.pid);
    kill.noticedMs = performance.now() - kill.at;
    await until(() => this.#host.pid !== undefined && this.#host.status().state === "ready");
    kill.readyMs = performance.now() - kill.at;
  }
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error("a stream did not go on within a minute");
    await sleep(1);
  }
}
