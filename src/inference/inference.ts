import { systemClock, type Clock } from "../core/clock.ts";
import { failure, type ErrorBody, type MillraceError } from "../core/errors.ts";
import type { FinishReason, GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { defaultScheduling, type Scheduling } from "../core/scheduling.ts";
import type { Engine } from "../engine/engine.ts";
import type { SequenceEvent } from "../scheduler/apply-step.ts";
import type { StepLimits } from "../scheduler/plan-step.ts";
import { newSequence, type Sampler, type Sequence } from "../scheduler/sequence.ts";
import { StepLoop, type StepReport, type StepWatch } from "../scheduler/step-loop.ts";
import { refusal } from "../scheduler/admission.ts";
import { Detokenizer } from "./detokenizer.ts";
import { NotingSampler } from "./logprobs.ts";
import { reasoningStart } from "./reasoning-start.ts";
import { createSampler } from "./sampler.ts";
import { messageBoundaries, SharedPrefixes } from "./prompt-marks.ts";
import { StopMatcher } from "./stop-matcher.ts";

/** A request whose prompt is tokens: nothing that takes long is left to do but the steps. */
export interface PreparedRequest {
  readonly request: GenerationRequest;
  readonly promptTokens: Int32Array;
  /** Since the request arrived, in ms. */
  readonly waitedMs: number;
  /**
   * It goes on after an engine's death: what its reader was sent already, maybe nothing. It was `admitted` then, and
   * what was promised is not refused.
   */
  readonly sent?: Int32Array | undefined;
}

/** What one request has to say after a step: an event, or the error that ends it. */
export type RequestEvent =
  | { readonly id: string; readonly event: GenerationEvent }
  | { readonly id: string; readonly error: ErrorBody };

export interface InferenceOptions {
  readonly limits?: StepLimits;
  readonly scheduling?: Scheduling;
  readonly clock?: Clock;
  readonly watch?: StepWatch;
  /** Gets the events of one step at once; without a report they are older than the next step. */
  readonly onStep: (events: readonly RequestEvent[], report: StepReport | undefined) => void;
}

interface Generation {
  readonly request: GenerationRequest;
  readonly sequence: Sequence;
  /** Of a request that wants logprobs. */
  readonly notes: NotingSampler | undefined;
  readonly detokenizer: Detokenizer;
  readonly stops: StopMatcher;
  /** Tokens of its prompt that were told to be computed. */
  processed: number;
}

/** The life of requests between their prompt's tokens and their answer's text: submit, step, detokenize, stop. */
export class Inference {
  readonly #engine: Engine;
  readonly #loop: StepLoop;
  readonly #clock: Clock;
  readonly #shared: SharedPrefixes;
  readonly #generations = new Map<string, Generation>();
  /** Ids of those whose readers want to know how far the prompt is. */
  readonly #progressing = new Set<string>();
  #events: RequestEvent[] = [];

  constructor(engine: Engine, options: InferenceOptions) {
    const { scheduling = defaultScheduling, clock = systemClock, watch } = options;
    this.#engine = engine;
    this.#clock = clock;
    this.#shared = new SharedPrefixes(scheduling.sharedPrefixes, engine.vocabulary);
    this.#loop = new StepLoop(engine, {
      limits: options.limits ?? { prefillTokens: engine.plan.microBatch },
      scheduling,
      clock,
      watch,
      onEvent: (event) => this.#onEvent(event),
      onStep: (report) => {
        for (const id of this.#progressing) this.#tellProgress(id, this.#generations.get(id));
        const events = this.#events;
        this.#events = [];
        if (events.length > 0 || report !== undefined) options.onStep(events, report);
      },
    });
  }

  /** `credit`: tokens that the reader will take before it asks for more. */
  submit(prepared: PreparedRequest, credit: number): void {
    const { request, promptTokens, sent } = prepared;
    const sample = createSampler(request.sampling, request.choice);
    const { vocabulary } = this.#engine;
    const notes =
      request.logprobs === undefined ? undefined : new NotingSampler(sample, { top: request.logprobs, vocabulary });
    const sequence = this.#newSequence(prepared, { credit, sample: notes?.sample ?? sample });
    const refused = sent === undefined ? refusal(this.#loop.state, sequence, this.#clock.now()) : undefined;
    if (refused !== undefined) {
      this.#fail(request.id, refused);
      return this.#loop.wake();
    }
    const stops = new StopMatcher(request.stop);
    const generation = { request, sequence, notes, detokenizer: new Detokenizer(), stops, processed: 0 };
    this.#generations.set(request.id, generation);
    if (request.progress === true) this.#progressing.add(request.id);
    if (sent === undefined) {
      const reasoning = reasoningStart(promptTokens, vocabulary);
      this.#emit(request.id, { type: "admitted", promptTokens: Array.from(promptTokens), ...reasoning });
    } else this.#replay(generation, sent);
    this.#loop.add(sequence);
  }

  /** Ids of those that hold a slot: no other is computed in a step. */
  get running(): readonly string[] {
    return this.#loop.state.running.map(({ id }) => id);
  }

  /** Silent: whoever cancels knows. A request that has ended is left alone. */
  cancel(id: string): void {
    const generation = this.#generations.get(id);
    if (generation === undefined) return;
    this.#generations.delete(id);
    this.#loop.remove(generation.sequence);
  }

  /** Who is served when, from now on. Memory, ageing and shared prefixes stay as they are. */
  reschedule(scheduling: Scheduling): void {
    this.#loop.reschedule(scheduling);
  }

  /** At most so many threads step from now on, 1 .. those of the plan. */
  limitThreads(threads: number): void {
    this.#loop.limitThreads(threads);
  }

  credit(id: string, tokens: number): void {
    const generation = this.#generations.get(id);
    if (generation !== undefined) this.#loop.credit(generation.sequence, tokens);
  }

  /** Steps while there is work, until `signal` aborts. Throws when the engine does. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#loop.run(signal);
  }

  #newSequence(
    { request, promptTokens, waitedMs }: PreparedRequest,
    { credit, sample }: { readonly credit: number; readonly sample: Sampler },
  ): Sequence {
    const { vocabulary, info } = this.#engine;
    const arrived = this.#clock.now() - waitedMs;
    return newSequence({
      id: request.id,
      tenant: request.tenant,
      lane: request.lane,
      arrived,
      deadline: arrived + (request.timeoutMs ?? Infinity),
      prompt: promptTokens,
      limit: Math.min(info.contextPerSlot, promptTokens.length + (request.maxTokens ?? Infinity)),
      credit,
      boundaries: messageBoundaries(promptTokens, vocabulary),
      sharedLength: this.#shared.lengthIn(request, promptTokens),
      sample,
      endsGeneration: request.ignoreEos ? () => false : (token) => vocabulary.endsGeneration(token),
    });
  }

  /**
   * Brings a generation to where it was when these tokens had been sent. What they have to say was sent with them; the
   * sampler needs nothing but the history, as draws are keyed by position.
   */
  #replay({ sequence, detokenizer, stops }: Generation, sent: Int32Array): void {
    sequence.tokens.set(sent, sequence.length);
    sequence.length += sent.length;
    for (const token of sent) stops.push(detokenizer.push(this.#engine.vocabulary.piece(token)));
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
      case "expired":
        this.#generations.delete(id);
        return this.#fail(id, failure("deadline_exceeded", { timeout: generation.request.timeoutMs! / 1000 }));
    }
  }

  #onToken(id: string, generation: Generation, token: number): void {
    const { detokenizer, stops, notes } = generation;
    if (this.#progressing.has(id)) this.#tellProgress(id, generation);
    const begin = detokenizer.length;
    const { text, stopped } = stops.push(detokenizer.push(this.#engine.vocabulary.piece(token)));
    const logprobs = notes && [{ ...notes.last!, begin }];
    this.#emit(id, { type: "text-delta", text, tokens: [token], ...(logprobs && { logprobs }) });
    if (!stopped) return;
    this.#loop.remove(generation.sequence);
    this.#finish(id, generation, "stop");
  }

  /** If something of the prompt was computed since it was told last, until all of it is. */
  #tellProgress(id: string, generation: Generation | undefined): void {
    if (generation === undefined) return void this.#progressing.delete(id);
    const { computed, cached = 0, promptLength: total } = generation.sequence;
    const processed = Math.min(computed, total);
    if (processed === total) this.#progressing.delete(id);
    if (processed <= generation.processed) return;
    generation.processed = processed;
    this.#emit(id, { type: "prompt-progress", processed, cached, total });
  }

  #finish(id: string, { sequence }: Generation, reason: FinishReason): void {
    this.#generations.delete(id);
    const { promptLength, length, cached } = sequence;
    const usage = { promptTokens: promptLength, cachedTokens: cached ?? 0, completionTokens: length - promptLength };
    this.#emit(id, { type: "finished", reason, usage });
  }

  #fail(id: string, error: MillraceError): void {
    this.#events.push({ id, error: error.toBody() });
  }

  #emit(id: string, event: GenerationEvent): void {
    this.#events.push({ id, event });
  }
}
