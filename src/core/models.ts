import type { Backend } from "./backend.ts";
import type { EmbeddingRequest, Embeddings } from "./embedding.ts";
import type { ErrorBody, LoadingProgress } from "./errors.ts";
import type { RequestDefaults } from "./generation.ts";
import type { TextQuestion, TextReply } from "./text-question.ts";

/** A model that this server was configured to serve, whether it is in memory or not. */
export interface ServedModel extends Backend {
  /** For requests that leave them out. */
  readonly defaults: RequestDefaults;
  /** It is loaded when a request names it, not at the start: whether the server is ready does not depend on it. */
  readonly onDemand: boolean;
  /** The vectors of all texts. Throws MillraceError; `request_cancelled` when `signal` aborts. */
  embed(request: EmbeddingRequest, signal: AbortSignal): Promise<Embeddings>;
  /** Loads it first, if it is not in memory. Rejects with a MillraceError. */
  ask(question: TextQuestion, signal: AbortSignal): Promise<TextReply>;
}

/** `degraded`: its engine died and is not back yet. `failed`: it could not be loaded. */
type ModelState = "unloaded" | "loading" | "ready" | "degraded" | "unloading" | "failed";

/** What an operator may know of a model now. */
export interface ModelReport {
  readonly id: string;
  readonly state: ModelState;
  /** While it is loading. */
  readonly loading: LoadingProgress | undefined;
  /** Resident bytes of its processes, measured; undefined = it has none, or the system does not tell. */
  readonly memory: number | undefined;
  /** Requests that it works on, and requests that wait until it is loaded. */
  readonly running: number;
  readonly waiting: number;
  /** Engine processes that it has when it is loaded. */
  readonly replicas: number;
  readonly onDemand: boolean;
  /** Ms without a request after which it is unloaded; Infinity = never, and not for another model either. */
  readonly keepAliveMs: number;
  /** Why it is degraded or failed. */
  readonly error: ErrorBody | undefined;
}

/** The models of a server. */
export interface Models {
  /** In the order of the configuration, which may change; the first answers requests that name none. */
  readonly served: readonly [ServedModel, ...ServedModel[]];
  reports(): readonly ModelReport[];
  /** Begins to load a model, and does not take it away from requests any more. Throws `model_not_found`. */
  load(id: string): ModelReport;
  /**
   * Unloads a model when the requests that have it, or wait for it, are answered; those that come later wait until it is
   * loaded again. Throws `model_not_found`.
   */
  unload(id: string): ModelReport;
  /** Calls back at each change of a model, until the function that is returned is called. */
  watch(onChange: (report: ModelReport) => void): () => void;
}
