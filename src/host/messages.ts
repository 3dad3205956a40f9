import type { EmbeddingEvent, EmbeddingRequest } from "../core/embedding.ts";
import type { ErrorBody } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { TextQuestion, TextReply } from "../core/text-question.ts";
import type { EngineInfo } from "../engine/engine.ts";
import type { EngineSpec } from "../engine/open.ts";
import type { VocabularyHandle } from "../engine/vocabulary.ts";
import type { TokenTrie } from "../inference/constraint/token-trie.ts";
import type { PreparedTexts } from "../inference/embedding-loop.ts";
import type { PreparedRequest } from "../inference/inference.ts";
import type { StepReport } from "../scheduler/step-loop.ts";

// All that crosses a border of the engine process. Between the processes: JSON, one message per line (channel.ts), checked
// on arrival (message-schemas.ts). Between its threads: structured clones, trusted.

/** Server → engine process. */
export type HostMessage =
  /** The first message, once. Answered by `loading`s and then `ready` or `open-failed`. */
  | { readonly type: "open"; readonly spec: EngineSpec; readonly scheduling: Scheduling }
  | Submission
  | EmbeddingSubmission
  /** Answered by `reply` or `request-failed`. */
  | { readonly type: "ask"; readonly id: string; readonly question: TextQuestion }
  /** Nobody reads this request any more. Not answered. */
  | { readonly type: "cancel"; readonly id: string }
  /** The reader took this many tokens; or so many more texts may be computed. */
  | { readonly type: "credit"; readonly id: string; readonly tokens: number }
  /** At most so many threads from the next step on: the share that the engine has of the cores now. */
  | { readonly type: "threads"; readonly threads: number }
  /** Who is served when, from the next step on. Memory, ageing and shared prefixes stay as they were at `open`. */
  | { readonly type: "schedule"; readonly scheduling: Scheduling }
  /** End the running step as soon as possible; its sequences go on with the next. */
  | { readonly type: "abort-step" }
  /** End the process in order. */
  | { readonly type: "close" };

/** A request for the engine. */
export interface Submission {
  readonly type: "submit";
  readonly request: GenerationRequest;
  /** Tokens that may be sent before more credit comes. */
  readonly credit: number;
  /** Since the request arrived, in ms. */
  readonly waitedMs: number;
  /** Another engine process had admitted it and has died: go on after these tokens of the answer. */
  readonly resume?: { readonly promptTokens: readonly number[]; readonly tokens: readonly number[] } | undefined;
}

/** A request for an engine whose plan is to embed. */
export interface EmbeddingSubmission {
  readonly type: "embed";
  readonly request: EmbeddingRequest;
  /** Texts that may be computed before more credit comes. */
  readonly credit: number;
  /** Since the request arrived, in ms. */
  readonly waitedMs: number;
  /** Another engine process had it, and has died: the inputs are those of which there is no vector yet. */
  readonly again: boolean;
}

/** Where the engine's main thread is, read from outside it. */
export interface StepPulse {
  /** Steps begun so far. */
  readonly step: number;
  /** Tokens that the running step computes; 0 = no step is running. */
  readonly tokens: number;
  /** Milliseconds since the running step began; 0 = no step is running. */
  readonly milliseconds: number;
}

/** Engine process → server. */
export type EngineMessage =
  /** 0..1 of the model is in memory. */
  | { readonly type: "loading"; readonly progress: number }
  /** Requests can be submitted. */
  | { readonly type: "ready"; readonly info: EngineInfo }
  /** The model cannot be opened; nothing else follows. */
  | { readonly type: "open-failed"; readonly error: ErrorBody }
  /** All events of one step. The report is missing when something happened between two steps. */
  | { readonly type: "step"; readonly events: readonly EngineEvent[]; readonly report?: StepReport | undefined }
  | { readonly type: "reply"; readonly id: string; readonly reply: TextReply }
  /** A request that never reached the loop: its template, its tokens, its length. Ends the request. */
  | { readonly type: "request-failed"; readonly id: string; readonly error: ErrorBody }
  /** Twice a second from the service worker, also while a step runs. */
  | { readonly type: "heartbeat"; readonly pulse: StepPulse };

/** What is said about one request: of the kind that it asks for. */
export type EngineEvent =
  | { readonly id: string; readonly event: GenerationEvent | EmbeddingEvent }
  | { readonly id: string; readonly error: ErrorBody };

/** Service worker → main thread of the engine process. */
export type WorkerToMain =
  | Extract<HostMessage, { type: "open" }>
  | { readonly type: "submit"; readonly prepared: PreparedRequest; readonly credit: number }
  | { readonly type: "embed"; readonly prepared: PreparedTexts }
  /** Of the engine's vocabulary, before the first request with a constraint. */
  | { readonly type: "trie"; readonly trie: TokenTrie }
  | { readonly type: "cancel"; readonly id: string }
  | { readonly type: "credit"; readonly id: string; readonly tokens: number }
  | { readonly type: "threads"; readonly threads: number }
  | Extract<HostMessage, { type: "schedule" }>
  | { readonly type: "close" };

/** Main thread → service worker. What is an EngineMessage is passed on as it is. */
export type MainToWorker =
  /** The engine is open: from here on the worker can prepare requests. It tells the server `ready`. */
  | {
      readonly type: "opened";
      readonly info: EngineInfo;
      readonly vocabulary: VocabularyHandle;
      readonly abortFlag: Uint8Array;
    }
  | Extract<EngineMessage, { type: "open-failed" | "step" }>;

/** Service worker → text worker: a prompt, texts to embed, or a question. */
export type TextJob = PrepareJob | AskJob;

export interface AskJob {
  readonly type: "ask";
  readonly id: string;
  readonly question: TextQuestion;
}

export type PrepareJob =
  | (JobOf<GenerationRequest> & {
      readonly type: "prompt";
      /** Its prompt is known: all that is wanted is that the vocabulary's trie was made. */
      readonly resume: Submission["resume"];
    })
  | (JobOf<EmbeddingRequest> & {
      readonly type: "texts";
      /** Numbers of a vector. */
      readonly dimensions: number;
      /** Of the `embed` that it came with; the text worker does not look at it. */
      readonly again: boolean;
    });

interface JobOf<Request> {
  readonly request: Request;
  /** Of the message that it came with; the text worker does not look at it. */
  readonly credit: number;
  readonly contextLength: number;
  /** When the request arrived, on the service worker's clock, in ms; nothing for the text worker either. */
  readonly arrived: number;
}

/** Service worker → text worker: the vocabulary once, as soon as there is one, and then jobs. */
export type ServiceToText =
  | { readonly type: "vocabulary"; readonly handle: VocabularyHandle }
  | { readonly type: "job"; readonly job: TextJob };

/**
 * Text worker → service worker: `started` when it has the vocabulary, then one answer to each job; before that to the first
 * with a constraint the `trie`.
 */
export type TextAnswer =
  | { readonly type: "started" }
  | { readonly type: "trie"; readonly trie: TokenTrie }
  /** Those of the prompt, or of each text. */
  | { readonly type: "prepared"; readonly tokens: readonly Int32Array[] }
  | { readonly type: "answered"; readonly reply: TextReply }
  | { readonly type: "failed"; readonly error: ErrorBody };
