import type { Worker } from "node:worker_threads";
import { failure, type ErrorBody } from "../core/errors.ts";
import type { Prompt } from "../core/generation.ts";
import type { TextQuestion, TextReply } from "../core/text-question.ts";
import type { VocabularyHandle } from "../engine/vocabulary.ts";
import type { TokenTrie } from "../inference/constraint/token-trie.ts";
import type { AskJob, PrepareJob, ServiceToText, TextAnswer, TextJob } from "./messages.ts";

export interface TextLimits {
  /** Milliseconds that a template may take, and that each character of the prompt adds for its tokens. */
  readonly templateMs: number;
  readonly perCharacterMs: number;
  /** Milliseconds more for the first job with a constraint, whose worker has to make the vocabulary's trie. */
  readonly trieMs: number;
}

/** 10 s for a megabyte: three times what the slowest tokenizer was seen to take. */
export const textLimits: TextLimits = { templateMs: 2000, perCharacterMs: 0.01, trieMs: 20_000 };

export interface TextJobsOptions {
  /** Starts a worker that takes ServiceToText and gives TextAnswers. */
  readonly startWorker: () => Worker;
  readonly limits: TextLimits;
  readonly onTrie: (trie: TokenTrie) => void;
  /** With the tokens of the prompt, or of each text. */
  readonly onPrepared: (job: PrepareJob, tokens: readonly Int32Array[]) => void;
  readonly onAnswered: (job: AskJob, reply: TextReply) => void;
  readonly onFailed: (job: TextJob, error: ErrorBody) => void;
}

interface RunningJob {
  readonly job: TextJob;
  readonly timer: NodeJS.Timeout;
  /** False once the job was dropped: its answer is for nobody. */
  wanted: boolean;
}

/**
 * Hands jobs to the text worker, one at a time and in order. A job that takes too long, or all memory, costs the worker's
 * life and is answered with an error; the jobs behind it go to a new worker.
 */
export class TextJobs {
  readonly #options: TextJobsOptions;
  readonly #waiting: TextJob[] = [];
  #worker: Worker;
  #vocabulary: VocabularyHandle | undefined;
  #started = false;
  /** The worker has made the trie. */
  #hasTrie = false;
  #running: RunningJob | undefined;

  constructor(options: TextJobsOptions) {
    this.#options = options;
    this.#worker = this.#newWorker();
  }

  /** Jobs are worked on from here on. The worker itself was started before, beside the loading of the model. */
  open(vocabulary: VocabularyHandle): void {
    this.#vocabulary = vocabulary;
    this.#tell({ type: "vocabulary", handle: vocabulary });
  }

  add(job: TextJob): void {
    this.#waiting.push(job);
    this.#next();
  }

  /** Forgets a job; false = it is not here (any more). One that is running is not interrupted before its time is over. */
  drop(id: string): boolean {
    const index = this.#waiting.findIndex((job) => idOf(job) === id);
    if (index >= 0) this.#waiting.splice(index, 1);
    const running = this.#running?.wanted === true && idOf(this.#running.job) === id;
    if (running) this.#running!.wanted = false;
    return running || index >= 0;
  }

  /** Ends the worker, after the native call that it may be in. Jobs that are left get no answer. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    clearTimeout(this.#running?.timer);
    this.#worker.removeAllListeners();
    await this.#worker.terminate();
  }

  #newWorker(): Worker {
    const worker = this.#options.startWorker();
    this.#started = false;
    this.#hasTrie = false;
    worker.on("message", (answer: TextAnswer) => this.#onAnswer(answer));
    worker.on("error", (error) => this.#onDeath(error));
    return worker;
  }

  #tell(message: ServiceToText): void {
    this.#worker.postMessage(message);
  }

  #next(): void {
    if (!this.#started || this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    const { templateMs, perCharacterMs, trieMs } = this.#options.limits;
    const ms = templateMs + perCharacterMs * sizeOf(job);
    const makesTrie = job.type === "prompt" && job.request.constraint !== undefined && !this.#hasTrie;
    const within = makesTrie ? ms + trieMs : ms;
    const timer = setTimeout(() => this.#onTimeout(job, within / 1000), within);
    this.#running = { job, timer, wanted: true };
    this.#tell({ type: "job", job });
  }

  #onAnswer(answer: TextAnswer): void {
    if (answer.type === "trie") {
      this.#hasTrie = true;
      return this.#options.onTrie(answer.trie);
    }
    if (answer.type === "started") {
      this.#started = true;
    } else {
      const job = this.#finish();
      if (job !== undefined) this.#tellOf(job, answer);
    }
    this.#next();
  }

  #tellOf(job: TextJob, answer: Exclude<TextAnswer, { type: "started" | "trie" }>): void {
    if (answer.type === "failed") this.#options.onFailed(job, answer.error);
    else if (answer.type === "answered") this.#options.onAnswered(job as AskJob, answer.reply);
    else this.#options.onPrepared(job as PrepareJob, answer.tokens);
  }

  #onTimeout(job: TextJob, seconds: number): void {
    this.#worker.removeAllListeners();
    void this.#worker.terminate();
    const problem = `it took longer than ${seconds.toFixed(1)} s`;
    const error = rendersTemplate(job)
      ? failure("template_timeout", { seconds })
      : failure("tokenizing_failed", { problem });
    this.#replace(error.toBody());
  }

  /** The worker died by itself. Before any job that is a fault of ours, and the process must not pretend to work. */
  #onDeath(error: Error): void {
    if (this.#running === undefined) throw error;
    const outOfMemory = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    const code = rendersTemplate(this.#running.job) ? "template_failed" : "tokenizing_failed";
    const problem = failure(code, { problem: "it needs too much memory" });
    this.#replace((outOfMemory ? problem : failure("internal", undefined, error)).toBody());
  }

  #replace(error: ErrorBody): void {
    const job = this.#finish();
    this.#worker = this.#newWorker();
    if (this.#vocabulary !== undefined) this.open(this.#vocabulary);
    if (job !== undefined) this.#options.onFailed(job, error);
  }

  /** Ends the running job; returns it if somebody still waits for it. */
  #finish(): TextJob | undefined {
    const running = this.#running;
    this.#running = undefined;
    clearTimeout(running?.timer);
    return running?.wanted === true ? running.job : undefined;
  }
}

export function idOf(job: TextJob): string {
  return "request" in job ? job.request.id : job.id;
}

/** What takes too long or too much is then the model's template rather than the tokenizer. */
function rendersTemplate(job: TextJob): boolean {
  if (job.type === "ask") return job.question.kind === "render";
  return job.type === "prompt" && job.request.prompt.kind === "chat";
}

/** In UTF-16 units, or token ids: only a measure of the work. */
function sizeOf(job: TextJob): number {
  if (job.type === "ask") return questionSize(job.question);
  if (job.type === "texts") return job.request.inputs.reduce((sum, input) => sum + promptSize(input), 0);
  return promptSize(job.request.prompt);
}

function questionSize(question: TextQuestion): number {
  if (question.kind === "tokenize") return question.text.length;
  return question.kind === "detokenize" ? question.tokens.length : promptSize({ ...question, kind: "chat" });
}

function promptSize(prompt: Prompt): number {
  if (prompt.kind === "tokens") return prompt.ids.length;
  if (prompt.kind === "text") return prompt.text.length + (prompt.suffix ?? "").length;
  return JSON.stringify([prompt.messages, prompt.tools]).length;
}
