import { exitCodes } from "./exit-codes.ts";

/**
 * Every failure that a user can see is a row here: its HTTP status, OpenAI's error type, whether trying again can help,
 * and its words. `exit` is the process's exit code when the failure ends a command; default: that of `failed`.
 */
interface ErrorRow {
  readonly status: number;
  readonly type: string;
  readonly retryable: boolean;
  readonly exit?: number;
  /** False = it ends a command, and is no answer to a request. */
  readonly answers?: false;
  /** The request's field at fault, where it is always the same one. */
  readonly param?: string;
  readonly message: (args: never) => string;
}

const badRequest = { status: 400, type: "invalid_request_error", retryable: false } as const;
const usage = { ...badRequest, exit: exitCodes.usage.code } as const;
const serverFault = { status: 500, type: "server_error", retryable: true } as const;
const overloaded = { status: 429, type: "rate_limit_error", retryable: true } as const;
const unavailable = { status: 503, type: "service_unavailable_error", retryable: true } as const;
const ofCommand = { answers: false } as const;
const notLoadable = { exit: exitCodes.modelNotLoadable.code } as const;

export const errorTable = {
  // Requests
  malformed_request: { ...badRequest, message: () => "the request is not valid HTTP" },
  request_timeout: {
    ...badRequest,
    status: 408,
    retryable: true,
    message: () => "the request did not arrive completely in time",
  },
  headers_too_large: { ...badRequest, status: 431, message: () => "the request's headers are too large" },
  invalid_json: { ...badRequest, message: (a: { problem: string }) => `the body is not valid JSON: ${a.problem}` },
  invalid_value: {
    ...badRequest,
    message: (a: { field: string; value: string; accepted: string }) =>
      `'${a.field}' is ${a.value}; accepted: ${a.accepted}`,
  },
  missing_field: {
    ...badRequest,
    message: (a: { field: string; accepted: string }) => `'${a.field}' is required: ${a.accepted}`,
  },
  unknown_field: {
    ...badRequest,
    message: (a: { field: string; advice: string }) => `'${a.field}' is not a field of this request${a.advice}`,
  },
  unsupported_field: {
    ...badRequest,
    message: (a: { field: string; problem: string }) => `'${a.field}' is not supported: ${a.problem}`,
  },
  context_length_exceeded: {
    ...badRequest,
    // By "this model's maximum context length is" clients know it, and shorten what they send.
    message: (a: { prompt: string; limit: number; field?: string }) =>
      `${a.field === undefined ? "the prompt" : `'${a.field}'`} has ${a.prompt} tokens; this model's maximum context length is ${a.limit} tokens`,
  },
  template_failed: {
    ...badRequest,
    message: (a: { problem: string }) => `the model's chat template refused the messages: ${a.problem}`,
  },
  no_embeddings: {
    ...badRequest,
    param: "model",
    message: (a: { model: string }) =>
      `model '${a.model}' generates text and makes no embeddings, unless it is configured to: 'pooling: mean', 'cls' or 'last'`,
  },
  only_embeddings: {
    ...badRequest,
    param: "model",
    message: (a: { model: string }) => `model '${a.model}' makes embeddings and generates no text; use /v1/embeddings`,
  },
  constraint_failed: {
    ...badRequest,
    message: (a: { problem: string }) => `the answer cannot be kept to what was asked for: ${a.problem}`,
  },
  no_chat_template: {
    ...badRequest,
    message: (a: { model: string }) => `model '${a.model}' has no chat template; use /v1/completions`,
  },
  admin_required: {
    ...badRequest,
    status: 403,
    type: "permission_error",
    message: () =>
      "only a key with 'admin: true' may do this or, on a server without keys, a program on the same machine",
  },
  invalid_api_key: {
    ...badRequest,
    status: 401,
    message: () => "a valid API key is required: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'",
  },
  foreign_host: {
    ...badRequest,
    status: 403,
    type: "permission_error",
    message: (a: { host: string }) =>
      `'${a.host}' is not a name of this machine, and this server has no key: use http://127.0.0.1 or localhost, or start it with --api-key`,
  },
  foreign_origin: {
    ...badRequest,
    status: 403,
    type: "permission_error",
    message: (a: { origin: string }) =>
      `web pages of '${a.origin}' may not use this server: start it with --cors-origin ${a.origin}`,
  },
  route_not_found: {
    ...badRequest,
    status: 404,
    message: (a: { method: string; path: string }) => `there is no route ${a.method} ${a.path}`,
  },
  model_not_found: {
    ...badRequest,
    status: 404,
    param: "model",
    message: (a: { model: string; available: string }) =>
      `model '${a.model}' is not served here; served: ${a.available}`,
  },
  not_recorded: {
    ...badRequest,
    status: 404,
    message: (a: { asked: string; folder: string; help: string }) =>
      `${a.asked} is not recorded in '${a.folder}'${a.help}; to record it, ask a server that runs with --record ${a.folder}`,
  },
  method_not_allowed: {
    ...badRequest,
    status: 405,
    message: (a: { method: string; path: string; allowed: string }) =>
      `${a.path} does not accept ${a.method}; accepted: ${a.allowed}`,
  },
  payload_too_large: {
    ...badRequest,
    status: 413,
    message: (a: { limit: number }) => `the body is larger than ${a.limit} bytes`,
  },
  unsupported_media_type: {
    ...badRequest,
    status: 415,
    message: (a: { value: string }) => `content-type is ${a.value}; accepted: application/json`,
  },

  // Requests that this server could serve at another time. `retryAfter` in seconds goes into the header of that name.
  queue_full: {
    ...overloaded,
    message: (a: { waiting: number; limit: number; retryAfter: number }) =>
      `${a.waiting} requests wait already (the limit is ${a.limit}); try again in ${inSeconds(a.retryAfter)} s`,
  },
  queued_tokens_full: {
    ...overloaded,
    message: (a: { waiting: number; limit: number; retryAfter: number }) =>
      `prompts of ${a.waiting} tokens wait already (the limit is ${a.limit}); try again in ${inSeconds(a.retryAfter)} s`,
  },
  deadline_unreachable: {
    ...unavailable,
    message: (a: { estimate: number; timeout: number; retryAfter: number }) =>
      `the request would take about ${inSeconds(a.estimate)} s, which is longer than its timeout of ${inSeconds(a.timeout)} s`,
  },
  deadline_exceeded: {
    ...serverFault,
    status: 504,
    type: "timeout_error",
    message: (a: { timeout: number }) => `the request was not finished within its timeout of ${inSeconds(a.timeout)} s`,
  },
  slow_client: {
    ...badRequest,
    status: 408,
    message: (a: { seconds: number }) => `the client did not read for ${a.seconds} s`,
  },

  // The server and its engines
  template_timeout: {
    ...serverFault,
    retryable: false,
    message: (a: { seconds: number }) => `the model's chat template did not end within ${inSeconds(a.seconds)} s`,
  },
  tokenizing_failed: {
    ...serverFault,
    retryable: false,
    message: (a: { problem: string }) => `the text was not made tokens: ${a.problem}`,
  },
  no_vector: {
    ...serverFault,
    retryable: false,
    message: (a: { model: string }) => `model '${a.model}' made no numbers of a text: there is NaN in its vector`,
  },
  poison_request: {
    ...serverFault,
    retryable: false,
    message: (a: { problem: string }) =>
      `the engine died twice while it worked on this request, the second time on nothing else: ${a.problem}`,
  },
  engine_failed: {
    ...serverFault,
    ...notLoadable,
    message: (a: { problem: string }) => `the engine failed: ${a.problem}`,
  },
  model_loading: {
    ...unavailable,
    message: (a: { model: string; loading: LoadingProgress; retryAfter?: number | undefined }) =>
      `model '${a.model}' is loading (${Math.floor(100 * a.loading.progress)} %)`,
  },
  engine_unavailable: {
    ...unavailable,
    message: (a: { problem: string; retryAfter?: number }) => `the engine is not running: ${a.problem}`,
  },
  shutting_down: { ...unavailable, message: () => "the server is shutting down" },
  drain_time_over: {
    ...unavailable,
    ...ofCommand,
    exit: exitCodes.cutOff.code,
    message: (a: { requests: number; seconds: number }) =>
      `${a.requests} ${a.requests === 1 ? "request was" : "requests were"} ended because the drain time of ${a.seconds} s was over`,
  },
  internal: { ...serverFault, message: () => "an internal error; the server's log has the details" },
  request_cancelled: {
    status: 499,
    type: "invalid_request_error",
    retryable: false,
    message: () => "the request was cancelled by its client",
  },

  // Starting: files, machine, configuration
  invalid_config: { ...usage, message: (a: { problem: string }) => a.problem },
  invalid_recording: {
    ...serverFault,
    retryable: false,
    exit: exitCodes.usage.code,
    message: (a: { file: string; problem: string }) => `${a.file} is not a recording: ${a.problem}`,
  },
  invalid_model_file: {
    ...badRequest,
    ...notLoadable,
    message: (a: { file: string; problem: string }) => `${a.file}: ${a.problem}`,
  },
  unknown_model: {
    ...usage,
    message: (a: { model: string; advice: string; known: string }) =>
      `'${a.model}' is neither a file nor a known model${a.advice}; known: ${a.known}`,
  },
  model_source_failed: {
    ...unavailable,
    ...notLoadable,
    message: (a: { model: string; problem: string }) => `cannot get model '${a.model}': ${a.problem}`,
  },
  model_not_stored: {
    ...usage,
    ...ofCommand,
    message: (a: { model: string; advice: string; stored: string }) =>
      `model '${a.model}' is not in the store${a.advice}; stored: ${a.stored}`,
  },
  model_in_use: {
    ...unavailable,
    ...ofCommand,
    message: (a: { model: string; processes: string }) =>
      `model '${a.model}' is in use by process ${a.processes}; stop it first`,
  },
  disk_full: {
    ...unavailable,
    ...notLoadable,
    retryable: false,
    message: (a: { folder: string; free: string; missing: string }) =>
      `the disk of ${a.folder} is full: ${a.missing} and ${a.free} are free; remove files there, run 'millrace models gc', or let MILLRACE_HOME name a folder on another disk`,
  },
  model_too_large: {
    ...unavailable,
    ...notLoadable,
    retryable: false,
    message: (a: { needed: string; available: string; advice: string }) =>
      `this model needs about ${a.needed} and ${a.available} can be had; ${a.advice}`,
  },
  remote_server_failed: {
    ...unavailable,
    ...ofCommand,
    message: (a: { url: string; problem: string }) => `the server at ${a.url} failed: ${a.problem}`,
  },
  unsupported_library: {
    ...serverFault,
    ...notLoadable,
    retryable: false,
    message: (a: { problem: string }) => a.problem,
  },
  port_in_use: {
    ...unavailable,
    ...ofCommand,
    exit: exitCodes.portInUse.code,
    message: (a: { host: string; port: number }) => `${a.host}:${a.port} is already in use; choose another with --port`,
  },
  open_bind: {
    ...usage,
    ...ofCommand,
    message: (a: { host: string }) =>
      `--host ${a.host} can be reached from other machines and no key is set; give --api-key KEY, or --insecure if that is meant`,
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** Of the errors that a request can be answered with. */
export const answerCodes = (Object.keys(errorTable) as ErrorCode[]).filter((code) => !("answers" in errorTable[code]));

type ErrorArgs<C extends ErrorCode> = Parameters<(typeof errorTable)[C]["message"]> extends [infer A] ? A : undefined;

/** How far the loading of a model is. */
export interface LoadingProgress {
  /** 0..1 */
  readonly progress: number;
  /** How long it will still take, in seconds; undefined = it cannot be known yet. */
  readonly etaSeconds: number | undefined;
}

/** An error as plain data: what crosses a process boundary. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  /** The request's field at fault, in the names of the API. */
  readonly param?: string | undefined;
  /** When trying again can help, in seconds. */
  readonly retryAfter?: number | undefined;
  /** Of a model that is loading. */
  readonly loading?: LoadingProgress | undefined;
}

/** The only error that crosses a folder's border on purpose. Anything else is a bug and becomes `internal`. */
export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfter: number | undefined;
  readonly loading: LoadingProgress | undefined;

  constructor(body: ErrorBody, cause?: unknown) {
    super(body.message, { cause });
    this.code = body.code;
    this.param = body.param;
    this.retryAfter = body.retryAfter;
    this.loading = body.loading;
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }

  toBody(): ErrorBody {
    const { code, message, param, retryAfter, loading } = this;
    return { code, message, param, retryAfter, loading };
  }
}

/** Makes the error of a row. `args` are what its message needs; `field`, `retryAfter` and `loading` among them go with it. */
export function failure<C extends ErrorCode>(code: C, args: ErrorArgs<C>, cause?: unknown): MillraceError {
  const message = (errorTable[code].message as (args: ErrorArgs<C>) => string)(args);
  const { field, retryAfter, loading } = (args ?? {}) as Partial<ErrorBody> & { field?: string };
  const row: ErrorRow = errorTable[code];
  return new MillraceError({ code, message, param: field ?? row.param, retryAfter, loading }, cause);
}

/** The one way from anything thrown to a row of the table; the cause is kept for the log. */
export function toMillraceError(thrown: unknown): MillraceError {
  return thrown instanceof MillraceError ? thrown : failure("internal", undefined, thrown);
}

/** To the tenth, as people read it. */
function inSeconds(seconds: number): string {
  return String(Math.round(seconds * 10) / 10);
}
