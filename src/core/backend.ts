import type { ErrorBody } from "./errors.ts";
import type { GenerationEvent, GenerationRequest } from "./generation.ts";

/** What the outside may know of a served model. */
export interface ModelInfo {
  readonly id: string;
  /** Unix time in seconds at which it was made or loaded. */
  readonly created: number;
  /** Tokens of context that one request may use, prompt and answer together; undefined until loaded. */
  readonly contextLength: number | undefined;
  /** Requests that it may have at once, those that wait included; missing = not known yet, or any number. */
  readonly mostRequests?: number | undefined;
}

export type BackendStatus =
  /** It is not in memory; a request makes it load. */
  | { readonly state: "unloaded" }
  /** `progress` is 0..1. */
  | { readonly state: "loading"; readonly progress: number }
  | { readonly state: "ready" }
  /** Its engine died so often that it takes no requests for a while; then it tries again. `error` says why. */
  | { readonly state: "degraded"; readonly error: ErrorBody }
  /** It cannot serve; `error` says why. */
  | { readonly state: "failed"; readonly error: ErrorBody };

/** The waist: everything above sees only this, whether an engine, an upstream server or a test is behind it. */
export interface Backend extends AsyncDisposable {
  readonly model: ModelInfo;
  status(): BackendStatus;
  /**
   * Streams one answer. Ends after `finished`, or throws a MillraceError. When `signal` aborts, everything the request
   * held is freed within one step and the iterator throws `request_cancelled`. Nothing is taken before the first `next()`.
   */
  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationEvent>;
}
