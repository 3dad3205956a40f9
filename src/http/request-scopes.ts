import type { FastifyInstance, FastifyReply } from "fastify";
import { failure, toMillraceError, type MillraceError } from "../core/errors.ts";
import type { Logger } from "../telemetry/log.ts";

/** After running requests were ended at shutdown, how long their clients have to read the end. */
const lastWordsMs = 1000;

interface DrainOptions {
  /** How long requests may go on after `close()` was called, in seconds. */
  readonly drainTimeout: () => number;
  readonly logger: Logger;
  /** Called when requests were ended because they took longer: how many. */
  readonly onCutOff: (requests: number) => void;
}

/**
 * The requests of a server, and their signals: one ends when its client leaves, all end when the server cannot wait any
 * longer. `close()` of the server drains: it still listens, answers new requests but those to open routes with
 * `shutting_down`, lets the others go on for the drain time, ends the rest, and then every connection.
 */
export class RequestScopes {
  readonly #server: FastifyInstance;
  readonly #options: DrainOptions;
  readonly #open = new Set<AbortController>();
  /** Those that were let in and are not answered. */
  #requests = 0;
  #draining = false;
  #onIdle: () => void = () => {};

  constructor(server: FastifyInstance, options: DrainOptions) {
    this.#server = server;
    this.#options = options;
    server.addHook("preClose", () => this.#drain()); // until it resolves, Fastify listens
    server.addHook("onRequest", (request, reply, done) => {
      if (request.routeOptions.config.open === true) return done();
      if (this.#draining) return done(failure("shutting_down", undefined));
      this.#requests++;
      reply.raw.once("close", () => {
        this.#requests--;
        if (this.#requests === 0) this.#onIdle();
      });
      done();
    });
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Aborts, with the MillraceError to report, when the client leaves before it has its answer or the server ends. */
  scopeFor(reply: FastifyReply): AbortSignal {
    const controller = new AbortController();
    const { raw, request } = reply;
    // A client that was cut off has not left: its record says why.
    const clientGone = () => controller.abort(request.record.error ?? failure("request_cancelled", undefined));
    if (raw.destroyed) clientGone(); // 'close' was before, it does not come again
    else {
      this.#open.add(controller);
      // Not `request.signal`: it aborts when the body of a POST was read.
      raw.once("close", () => {
        this.#open.delete(controller);
        if (!raw.writableFinished) clientGone();
      });
    }
    return controller.signal;
  }

  async #drain(): Promise<void> {
    const { logger, drainTimeout, onCutOff } = this.#options;
    const seconds = drainTimeout();
    this.#draining = true;
    if (this.#requests > 0) logger.info({ requests: this.#requests, seconds }, "draining: no new requests are taken");
    if (!(await this.#idleWithin(1000 * seconds))) {
      const requests = this.#open.size;
      if (requests > 0) logger.warn({ requests, seconds }, "the drain time is over: requests are ended");
      for (const controller of this.#open) controller.abort(failure("shutting_down", undefined));
      await this.#idleWithin(lastWordsMs);
      if (requests > 0) onCutOff(requests);
    }
    // Node itself would wait for connections that were promised to be kept alive, and for those that never sent anything.
    const { server } = this.#server;
    server.on("connection", (socket) => socket.destroy());
    server.closeAllConnections();
  }

  /** Whether no request is left, at most so many ms from now. */
  async #idleWithin(ms: number): Promise<boolean> {
    if (this.#requests > 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#onIdle = () => {
          clearTimeout(timer);
          setImmediate(resolve); // what was written last is on its way then
        };
      });
    return this.#requests === 0;
  }
}

/** Why a request ended that threw: the reason of its signal, if that was it. */
export function failureOf(thrown: unknown, signal: AbortSignal): MillraceError {
  return signal.aborted ? toMillraceError(signal.reason) : toMillraceError(thrown);
}
