import { systemClock, type Clock } from "../core/clock.ts";
import { failure, MillraceError, type ErrorBody } from "../core/errors.ts";
import type { FinishReason, GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { defaultScheduling, type Scheduling } from "../core/scheduling.ts";
import type { Engine } from "../engine/engine.ts";
import type { SequenceEvent } from "../scheduler/apply-step.ts";
import type { StepLimits } from "../scheduler/plan-step.ts";
import { newSequence, nothingForced, type Sampler, type Sequence } from "../scheduler/sequence.ts";
import { StepLoop, type StepReport, type StepWatch } from "../scheduler/step-loop.ts";
import { refusal } from "../scheduler/admission.ts";
import { ConstrainedSampler } from "./constraint/constrained-sampler.ts";
import { Grammars } from "./constraint/grammar.ts";
import type { TokenTrie } from "./constraint/token-trie.ts";
import { Detokenizer, textOf } from "./detokenizer.ts";
import { NotingSampler } from "./logprobs.ts";
import { PromptScore } from "./prompt-score.ts";
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
  readonly samplers: Samplers;
  readonly detokenizer: Detokenizer;
  readonly stops: StopMatcher;
  /** Of a request that begins with its prompt, until that was told. */
  score: PromptScore | undefined;
  /** Where the text of the answer begins behind what was told of the prompt, in UTF-16 units. */
  begin: number;
  /** Tokens of its prompt that were told to be computed. */
  processed: number;
  /** Tokens of the answer. */
  answered: number;
}

/** What chooses the tokens of a request, each made of the ones below it. */
interface Samplers {
  /** Of a request that wants logprobs. */
  readonly notes: NotingSampler | undefined;
  readonly constrained: ConstrainedSampler | undefined;
  readonly sample: Sampler;
}

/** The life of requests between their prompt's tokens and their answer's text: submit, step, detokenize, stop. */
export class Inference {
  readonly #engine: Engine;
  readonly #loop: StepLoop;
  readonly #clock: Clock;
  readonly #shared: SharedPrefixes;
  readonly #grammars: Grammars;
  readonly #generations = new Map<string, Generation>();
  /** Ids of those whose readers want to know how far the prompt is. */
  readonly #progressing = new Set<string>();
  #events: RequestEvent[] = [];

  constructor(engine: Engine, options: InferenceOptions) {
    const { scheduling = defaultScheduling, clock = systemClock, watch } = options;
    this.#engine = engine;
    this.#clock = clock;
    this.#shared = new SharedPrefixes(scheduling.sharedPrefixes, engine.vocabulary);
    this.#grammars = new Grammars(engine.vocabulary);
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
    const samplers = this.#samplersFor(request);
    if (samplers instanceof MillraceError) return this.#refuse(request.id, samplers);
    const isTold = sent !== undefined && sent.length > 0;
    const score = isTold ? undefined : this.#scoreOf(prepared);
    const sequence = this.#newSequence(prepared, { credit, samplers, score });
    const refused = sent === undefined ? refusal(this.#loop.state, sequence, this.#clock.now()) : undefined;
    if (refused !== undefined) return this.#refuse(request.id, refused);
    const generation: Generation = {
      request,
      sequence,
      samplers,
      detokenizer: new Detokenizer(),
      stops: new StopMatcher(request.stop),
      score,
      begin: isTold && request.scorePrompt === true ? textOf(promptTokens, this.#engine.vocabulary).length : 0,
      processed: 0,
      answered: 0,
    };
    this.#generations.set(request.id, generation);
    if (request.progress === true) this.#progressing.add(request.id);
    if (sent === undefined) {
      const reasoning = reasoningStart(promptTokens, this.#engine.vocabulary);
      this.#emit(request.id, { type: "admitted", promptTokens: Array.from(promptTokens), ...reasoning });
    } else this.#replay(generation, sent);
    this.#loop.add(sequence);
  }

  /** The trie of the engine's vocabulary, which somebody else has made: to make it here would keep the streams waiting. */
  useTrie(trie: TokenTrie): void {
    this.#grammars.useTrie(trie);
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
    { credit, samplers, score }: Pick<Generation, "samplers" | "score"> & { readonly credit: number },
  ): Sequence {
    const { vocabulary, info } = this.#engine;
    const { sample, constrained, notes } = samplers;
    const arrived = this.#clock.now() - waitedMs;
    return newSequence({
      id: request.id,
      tenant: request.tenant,
      lane: request.lane,
      arrived,
      deadline: arrived + (request.timeoutMs ?? Infinity),
      prompt: promptTokens,
      // Whoever wants no token has the prompt computed: one is drawn, and not told.
      limit: Math.min(info.contextPerSlot, promptTokens.length + Math.max(1, request.maxTokens ?? Infinity)),
      credit,
      boundaries: messageBoundaries(promptTokens, vocabulary),
      sharedLength: this.#shared.lengthIn(request, promptTokens),
      score: score?.score,
      sample,
      // A token that was not sampled has no logits to tell the probability of.
      forced: constrained === undefined || notes !== undefined ? nothingForced : () => constrained.forced(),
      endsGeneration: request.ignoreEos ? () => false : (token) => vocabulary.endsGeneration(token),
    });
  }

  #scoreOf({ request: { scorePrompt, logprobs: top = 0 }, promptTokens }: PreparedRequest): PromptScore | undefined {
    if (scorePrompt !== true) return undefined;
    return new PromptScore(promptTokens, { top, vocabulary: this.#engine.vocabulary });
  }

  /** Or why there are none: its constraint cannot be followed. */
  #samplersFor({ sampling, choice, logprobs, constraint }: GenerationRequest): Samplers | MillraceError {
    const { vocabulary } = this.#engine;
    const free = createSampler(sampling, choice);
    const grammar = constraint && this.#grammars.of(constraint);
    if (grammar instanceof MillraceError) return grammar;
    const constrained = grammar && new ConstrainedSampler(free, grammar, vocabulary);
    const sample = constrained?.sample ?? free;
    const notes = logprobs === undefined ? undefined : new NotingSampler(sample, { top: logprobs, vocabulary });
    return { notes, constrained, sample: notes?.sample ?? sample };
  }

  /**
   * Brings a generation to where it was when these tokens had been sent. What they have to say was sent with them; the
   * sampler needs nothing but the history, as draws are keyed by position; a grammar is followed once more.
   */
  #replay(generation: Generation, sent: Int32Array): void {
    const { sequence, samplers, detokenizer, stops } = generation;
    generation.answered = sent.length;
    samplers.constrained?.replay(sent);
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
    const { detokenizer, stops, samplers, sequence } = generation;
    const { notes, constrained } = samplers;
    if (this.#progressing.has(id)) this.#tellProgress(id, generation);
    if (constrained?.error !== undefined) {
      this.#generations.delete(id);
      this.#loop.remove(sequence);
      return this.#fail(id, constrained.error);
    }
    if (generation.score !== undefined) this.#tellScore(id, generation, generation.score);
    if (generation.request.maxTokens === 0) {
      this.#loop.remove(sequence);
      return this.#finish(id, generation, "length");
    }
    generation.answered++;
    const begin = generation.begin + detokenizer.length;
    const { text, stopped } = stops.push(detokenizer.push(this.#engine.vocabulary.piece(token)));
    const logprobs = notes && [{ ...notes.last!, begin }];
    this.#emit(id, { type: "text-delta", text, tokens: [token], ...(logprobs && { logprobs }) });
    if (!stopped) return;
    this.#loop.remove(sequence);
    this.#finish(id, generation, "stop");
  }

  #tellScore(id: string, generation: Generation, score: PromptScore): void {
    const { text, logprobs } = score.whole;
    generation.score = undefined;
    generation.begin = text.length;
    this.#emit(id, { type: "text-delta", text, tokens: [], logprobs, ofPrompt: true });
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

  #finish(id: string, { sequence, answered }: Generation, reason: FinishReason): void {
    this.#generations.delete(id);
    const { promptLength, cached } = sequence;
    const usage = { promptTokens: promptLength, cachedTokens: cached ?? 0, completionTokens: answered };
    this.#emit(id, { type: "finished", reason, usage });
  }

  /** Before it has begun. */
  #refuse(id: string, error: MillraceError): void {
    this.#fail(id, error);
    this.#loop.wake();
  }

  #fail(id: string, error: MillraceError): void {
    this.#events.push({ id, error: error.toBody() });
  }

  #emit(id: string, event: GenerationEvent): void {
    this.#events.push({ id, event });
  }
}
