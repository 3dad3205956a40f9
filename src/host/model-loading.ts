import { systemClock } from "../core/clock.ts";
import { toMillraceError, type LoadingProgress } from "../core/errors.ts";
import type { Load } from "../model/memory-estimate.ts";
import type { Claim } from "./model-claim.ts";
import type { ModelRoom } from "./model-room.ts";
import type { PreparedModel, PullOptions } from "./prepare-model.ts";
import type { Engines } from "./replicas.ts";

/** A model in memory. */
export interface LoadedModel {
  readonly prepared: PreparedModel;
  readonly claim: Claim;
  readonly engines: Engines;
  /** From the start of its processes until they were ready. */
  readonly loadMs: number;
}

/** Takes it out of memory. */
export async function endModel({ prepared, engines }: LoadedModel): Promise<void> {
  await engines[Symbol.asyncDispose]();
  prepared[Symbol.dispose]();
}

export interface LoadingSteps {
  readonly room: ModelRoom;
  readonly prepare: (options: PullOptions) => Promise<PreparedModel>;
  readonly claim: (prepared: PreparedModel) => Claim;
  readonly start: (prepared: PreparedModel, load: Load) => Engines;
}

type Phase =
  | { readonly type: "pulling"; readonly fraction: number }
  /** For room in memory. */
  | { readonly type: "waiting" }
  | { readonly type: "starting"; readonly claim: Claim; readonly engines: Engines };

/** Below this nothing can be told from how far it is. */
const tellingFraction = 0.05;
/** The part of a loading that is its pull, if there is one. */
const pullPart = 0.9;

/** One attempt to get a model into memory: its file, room, its engines. */
export class ModelLoading {
  /** Rejects with a MillraceError, when it was given up with the reason; then nothing is left of it. */
  readonly done: Promise<LoadedModel>;
  readonly #steps: LoadingSteps;
  readonly #gaveUp = new AbortController();
  #phase: Phase = { type: "waiting" };
  #phaseBegan = systemClock.now();
  #pulled = false;

  constructor(steps: LoadingSteps) {
    this.#steps = steps;
    this.done = this.#load();
    this.done.catch(() => {}); // whoever does not ask learns of it by the model's state
  }

  /** It has all that it needs but memory. */
  get waitsForRoom(): boolean {
    return this.#phase.type === "waiting";
  }

  /** What it was promised; undefined = nothing yet. */
  get granted(): Claim | undefined {
    return this.#phase.type === "starting" ? this.#phase.claim : undefined;
  }

  get pids(): readonly number[] {
    return this.#phase.type === "starting" ? this.#phase.engines.pids : [];
  }

  /** `usualMs`: how long its engines took to start the last time. */
  progress(usualMs: number | undefined): LoadingProgress {
    const phase = this.#phase;
    const elapsed = systemClock.now() - this.#phaseBegan;
    const usual = usualMs === undefined ? undefined : usualMs / 1000;
    if (phase.type === "waiting") return { progress: this.#pulled ? pullPart : 0, etaSeconds: usual };
    const fraction = phase.type === "pulling" ? phase.fraction : fractionOf(phase.engines);
    const rest =
      fraction >= tellingFraction
        ? ((elapsed / 1000) * (1 - fraction)) / fraction
        : usual && Math.max(0, usual - elapsed / 1000);
    if (phase.type === "pulling") return { progress: pullPart * fraction, etaSeconds: rest && rest + (usual ?? 0) };
    return { progress: this.#pulled ? pullPart + (1 - pullPart) * fraction : fraction, etaSeconds: rest };
  }

  /** Ends it, whatever it is doing. */
  giveUp(reason: Error): void {
    this.#gaveUp.abort(reason);
  }

  async #load(): Promise<LoadedModel> {
    const { signal } = this.#gaveUp;
    const { prepare, room } = this.#steps;
    const prepared = await prepare({ signal, onPull: ({ received, total }) => this.#onPull(received, total) });
    try {
      this.#enter({ type: "waiting" });
      let granted: { readonly claim: Claim; readonly engines: Engines } | undefined;
      const onGranted = (claim: Claim) => {
        granted = { claim, engines: this.#steps.start(prepared, claim.load) };
        this.#enter({ type: "starting", ...granted });
      };
      await room.reserve({ claim: this.#steps.claim(prepared), signal, onGranted });
      return { prepared, ...granted!, loadMs: await this.#ready(granted!.engines) };
    } catch (error) {
      prepared[Symbol.dispose]();
      throw signal.aborted ? signal.reason : toMillraceError(error);
    }
  }

  /** Resolves when they are ready, to the milliseconds that it took. If they cannot be, they are closed. */
  async #ready(engines: Engines): Promise<number> {
    const { signal } = this.#gaveUp;
    const close = () => void engines[Symbol.asyncDispose]();
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
    try {
      await engines.ready();
      signal.throwIfAborted();
      return systemClock.now() - this.#phaseBegan;
    } catch (error) {
      await engines[Symbol.asyncDispose]();
      throw error;
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  #onPull(received: number, total: number): void {
    if (!this.#pulled) this.#phaseBegan = systemClock.now();
    this.#pulled = true;
    this.#phase = { type: "pulling", fraction: total === 0 ? 0 : Math.min(1, received / total) };
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#phaseBegan = systemClock.now();
  }
}

function fractionOf(engines: Engines): number {
  const status = engines.status();
  return status.state === "loading" ? status.progress : 1;
}
