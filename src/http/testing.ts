import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Backend, BackendStatus, ModelInfo } from "../core/backend.ts";
import { failure } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { ModelReport, Models, ServedModel } from "../core/models.ts";
import { createLog } from "../telemetry/log.ts";
import { buildServer, type ServerOptions } from "./server.ts";
import type { ServerSettings } from "./server-settings.ts";

type Script = (request: GenerationRequest, signal: AbortSignal) => AsyncIterable<GenerationEvent>;

/** A backend that plays a script. */
export class ScriptedBackend implements Backend {
  readonly model: ModelInfo;
  readonly requests: GenerationRequest[] = [];
  readonly signals: AbortSignal[] = [];
  /** Events that were pulled from it. */
  pulled = 0;
  currentStatus: BackendStatus = { state: "ready" };
  readonly #script: Script;

  constructor(script: Script = says("Hello", ", ", "world"), id = "scripted") {
    this.#script = script;
    this.model = { id, created: 1_700_000_000, contextLength: 512, mostRequests: 100 };
  }

  status(): BackendStatus {
    return this.currentStatus;
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    this.requests.push(request);
    this.signals.push(signal);
    for await (const event of this.#script(request, signal)) {
      this.pulled++;
      yield event;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const admitted: GenerationEvent = { type: "admitted", promptTokens: [1, 2, 3] };

/** Models that are what their backends are. What is done to them is noted. */
export class FixedModels implements Models {
  readonly served: readonly [ServedModel, ...ServedModel[]];
  /** "load NAME", "unload NAME" */
  readonly done: string[] = [];
  readonly #watchers = new Set<(report: ModelReport) => void>();

  constructor(first: ServedModel, ...others: readonly ServedModel[]) {
    this.served = [first, ...others];
  }

  reports(): readonly ModelReport[] {
    return this.served.map(reportOf);
  }

  load(id: string): ModelReport {
    return this.#do("load", id);
  }

  unload(id: string): ModelReport {
    return this.#do("unload", id);
  }

  watch(onChange: (report: ModelReport) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** As if the first model had changed. Returns how many were told. */
  tell(over: Partial<ModelReport>): number {
    for (const watcher of this.#watchers) watcher({ ...reportOf(this.served[0]), ...over });
    return this.#watchers.size;
  }

  #do(action: string, id: string): ModelReport {
    this.done.push(`${action} ${id}`);
    return reportOf(this.served.find(({ model }) => model.id === id)!);
  }
}

function reportOf(served: ServedModel): ModelReport {
  const status = served.status();
  return {
    id: served.model.id,
    state: status.state,
    loading: status.state === "loading" ? { progress: status.progress, etaSeconds: undefined } : undefined,
    memory: undefined,
    running: 0,
    waiting: 0,
    replicas: 1,
    onDemand: served.onDemand,
    keepAliveMs: Infinity,
    error: "error" in status ? status.error : undefined,
  };
}

/** A backend, and what its owner says about it. */
export function aModel(
  backend: Backend,
  over: Partial<Pick<ServedModel, "defaults" | "onDemand" | "embed" | "ask">> = {},
): ServedModel {
  return {
    get model() {
      return backend.model;
    },
    defaults: {},
    onDemand: false,
    status: () => backend.status(),
    generate: (request, signal) => backend.generate(request, signal),
    embed: async ({ model }) => {
      throw failure("no_embeddings", { model });
    },
    ask: async () => ({ tokens: [] }),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
    ...over,
  };
}

/** Says the texts, one token each, and stops. */
export function says(...texts: string[]): Script {
  return async function* () {
    yield admitted;
    for (const text of texts) yield { type: "text-delta", text, tokens: [7] };
    yield {
      type: "finished",
      reason: "stop",
      usage: { promptTokens: 3, cachedTokens: 0, completionTokens: texts.length },
    };
  };
}

/** Says `text` every `everyMs` until it is told to end, as a real backend ends: by throwing. `everyMs` 0 = at once. */
export function keepsTalking(text: string, everyMs: number): Script {
  return async function* (_request, signal) {
    yield admitted;
    for (;;) {
      if (everyMs > 0) await untilAborted(signal, everyMs);
      if (signal.aborted) throw failure("request_cancelled", undefined);
      yield { type: "text-delta", text, tokens: [7] };
    }
  };
}

/** Takes its time before the first event. */
export function thinks(): Script {
  // eslint-disable-next-line require-yield
  return async function* (_request, signal) {
    await untilAborted(signal, 60_000);
    throw failure("request_cancelled", undefined);
  };
}

/** Says the texts, then throws. */
export function fails(error: unknown, ...texts: string[]): Script {
  return async function* () {
    if (texts.length > 0) yield admitted;
    for (const text of texts) yield { type: "text-delta", text, tokens: [7] };
    throw error;
  };
}

function untilAborted(signal: AbortSignal, most: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, most);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

export interface Served extends AsyncDisposable {
  readonly server: FastifyInstance;
  readonly port: number;
  readonly url: string;
  /** What was logged, parsed. */
  readonly log: Record<string, unknown>[];
}

export type Over = Partial<ServerOptions & ServerSettings>;

/** A server on a free port over a backend, which stays the caller's to close; it closes itself. */
export async function serve(backend: Backend, over: Over = {}): Promise<Served> {
  const log: Record<string, unknown>[] = [];
  const { logger } = createLog({
    level: "debug",
    readable: false,
    write: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
  });
  const settings = {
    apiKeys: [],
    corsOrigins: [],
    requestTimeout: 0,
    slowClientTimeout: 0,
    ssePingInterval: 0,
    drainTimeout: 0,
    ...over,
  };
  const server = buildServer({
    models: new FixedModels(aModel(backend)),
    logger,
    settings: () => settings,
    reload: async () => ({ applied: [], needRestart: [] }),
    host: "127.0.0.1",
    page: [],
    bodyLimit: 16_777_216,
    onCutOff: () => {},
    ...over,
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const close = () => server.close();
  return { server, port, url: `http://127.0.0.1:${port}`, log, [Symbol.asyncDispose]: close };
}

export interface TestServer extends Served {
  readonly backend: ScriptedBackend;
}

/** A server over one scripted backend. */
export async function startServer(script?: Script, over: Over = {}): Promise<TestServer> {
  const backend = new ScriptedBackend(script);
  return { ...(await serve(backend, over)), backend };
}

/** Asks for a completion, and does not read the answer. */
export async function askAndLookAway(port: number, fields: object): Promise<Socket> {
  const body = JSON.stringify(fields);
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  socket.pause();
  const head = `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  socket.write(head + body);
  return socket;
}

/** Waits until `look` gives true. */
export async function eventually(look: () => boolean, withinMs = 2000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!look()) {
    if (performance.now() > end) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
