import { systemClock, type Clock } from "../core/clock.ts";
import type { ErrorBody } from "../core/errors.ts";
import type { FinishReason, GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Engine } from "../engine/engine.ts";
import type { SequenceEvent } from "../scheduler/apply-step.ts";
import type { StepLimits } from "../scheduler/plan-step.ts";
import { newSequence, type Sequence } from "../scheduler/sequence.ts";
import { StepLoop, type StepReport } from "../scheduler/step-loop.ts";
import { Detokenizer } from "./detokenizer.ts";
import { createSampler } from "./sampler.ts";
import { StopMatcher } from "./stop-matcher.ts";

/** A request whose prompt is tokens: nothing that takes long is left to do but the steps. */
export interface PreparedRequest {
  readonly request: GenerationRequest;
  readonly promptTokens: Int32Array;
}

/** What one request has to say after a step: an event, or the error that ends it. */
export type RequestEvent =
  | { readonly id: string; readonly event: GenerationEvent }
  | { readonly id: string; readonly error: ErrorBody };

export interface InferenceOptions {
  readonly limits?: StepLimits;
  readonly clock?: Clock;
  /** Gets the events of one step at once; without a report they are older than the next step. */
  readonly onStep: (events: readonly RequestEvent[], report: StepReport | undefined) => void;
}

interface Generation {
  readonly sequence: Sequence;
  readonly detokenizer: Detokenizer;
  readonly stops: StopMatcher;
}

/** The life of requests between their prompt's tokens and their answer's text: submit, step, detokenize, stop. */
export class Inference {
  readonly #engine: Engine;
  readonly #loop: StepLoop;
  readonly #generations = new Map<string, Generation>();
  #events: RequestEvent[] = [];

  constructor(engine: Engine, options: InferenceOptions) {
    this.#engine = engine;
    this.#loop = new StepLoop(engine, {
      limits: options.limits ?? { prefillTokens: engine.plan.microBatch },
      clock: options.clock ?? systemClock,
      onEvent: (event) => this.#onEvent(event),
      onStep: (report) => {
        const events = this.#events;
        this.#events = [];
        if (events.length > 0 || report !== undefined) options.onStep(events, report);
      },
    });
  }

  /** `credit`: tokens that the reader will take before it asks for more. */
  submit({ request, promptTokens }: PreparedRequest, credit: number): void {
    const { vocabulary, info } = this.#engine;
    const sequence = newSequence({
      id: request.id,
      prompt: promptTokens,
      limit: Math.min(info.contextPerSlot, promptTokens.length + (request.maxTokens ?? Infinity)),
      credit,
      sample: createSampler(request.sampling, 0),
      endsGeneration: request.ignoreEos ? () => false : (token) => vocabulary.endsGeneration(token),
    });
    this.#generations.set(request.id, {
      sequence,
      detokenizer: new Detokenizer(),
      stops: new StopMatcher(request.stop),
    });
    this.#emit(request.id, { type: "admitted", promptTokens: Array.from(promptTokens) });
    this.#loop.add(sequence);
  }

  /** Silent: whoever cancels knows. A request that has ended is left alone. */
  cancel(id: string): void {
    const generation = this.#generations.get(id);
    if (generation === undefined) return;
    this.#generations.delete(id);
    this.#loop.remove(generation.sequence);
  }

  credit(id: string, tokens: number): void {
    const generation = this.#generations.get(id);
    if (generation !== undefined) this.#loop.credit(generation.sequence, tokens);
  }

  /** Steps while there is work, until `signal` aborts. Throws when the engine does. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#loop.run(signal);
  }

  #onEvent(event: SequenceEvent): void {
    const id = event.sequence.id;
    const generation = this.#generations.get(id);
    if (generation === undefined) return; // ended by a stop string in this same step
    switch (event.type) {
      case "token":
        return this.#onToken(id, generation, event.token);
      case "finished": {
        const rest = generation.stops.push(generation.detokenizer.flush());
        const text = rest.stopped ? rest.text : rest.text + generation.stops.flush();
        if (text !== "") this.#emit(id, { type: "text-delta", text, tokens: [] });
        return this.#finish(id, generation, rest.stopped ? "stop" : event.reason);
      }
    }
  }

  #onToken(id: string, generation: Generation, token: number): void {
    const { text, stopped } = generation.stops.push(generation.detokenizer.push(this.#engine.vocabulary.piece(token)));
    this.#emit(id, { type: "text-delta", text, tokens: [token] });
    if (!stopped) return;
    this.#loop.remove(generation.sequence);
    this.#finish(id, generation, "stop");
  }

  #finish(id: string, { sequence }: Generation, reason: FinishReason): void {
    this.#generations.delete(id);
    const { promptLength, length } = sequence;
    const usage = { promptTokens: promptLength, completionTokens: length - promptLength };
    this.#emit(id, { type: "finished", reason, usage });
  }

  #emit(id: string, event: GenerationEvent): void {
    this.#events.push({ id, event });
  }
}
