import { closeSync, writeSync } from "node:fs";
import { failure } from "../../core/errors.ts";
import type { FakeOptions } from "./options.ts";
import { pause } from "./pause.ts";

/** File descriptor of an engine process's pipe to its server. */
const channel = 3;

const crashes: Readonly<Record<FakeOptions["crash"], () => void>> = {
  kill: () => process.kill(process.pid, "SIGKILL"),
  abort: () => process.abort(),
  segv: () => process.kill(process.pid, "SIGSEGV"),
  garbage: () => writeSync(channel, '{"type":"step","events":[{"id":7}\n'),
  hangup: () => closeSync(channel),
};

/** Takes as long as loading shall take, and fails if it shall. Throws `invalid_model_file`, or what `onProgress` throws. */
export function pretendToLoad(modelFile: string, options: FakeOptions, onProgress: (fraction: number) => void): void {
  const never = new Uint8Array(1);
  for (let part = 0; part < 10; part++) {
    onProgress(part / 10);
    pause(options.loadMs / 10, never);
  }
  if (options.loadFails)
    throw failure("invalid_model_file", { file: modelFile, problem: "the fake engine was told to fail" });
  onProgress(1);
}

/** What the options say about steps: how long each takes, and which go wrong. */
export class Steps {
  readonly #options: FakeOptions;
  #count = 0;

  constructor(options: FakeOptions) {
    this.#options = options;
  }

  /** The number of the step that has begun last; 1 = the first. */
  get count(): number {
    return this.#count;
  }

  /** Begins a step that computes these stretches of tokens: crashes if it was told to. */
  begin(computed: readonly Int32Array[]): void {
    this.#count++;
    const { crashAtStep, poisonToken, crash } = this.#options;
    const poisoned = poisonToken > 0 && computed.some((tokens) => tokens.includes(poisonToken));
    if (this.#count !== crashAtStep && !poisoned) return;
    writeSync(2, `fake engine: crashes at step ${this.#count}, as told\n`);
    crashes[crash]();
  }

  /** Blocks for what the step costs. 1 when that is over; when `abortFlag` was set before, the fraction that passed. */
  compute({ tokens, sequences }: { tokens: number; sequences: number }, abortFlag: Uint8Array): number {
    const { stepMs, prefillUsPerToken, decodeUsPerSequence, stallAtStep } = this.#options;
    const microseconds = prefillUsPerToken * (tokens - sequences) + decodeUsPerSequence * sequences;
    return pause(this.#count === stallAtStep ? Infinity : stepMs + microseconds / 1000, abortFlag);
  }
}
