import type { FastifyInstance, FastifyReply } from "fastify";
import { failure, toMillraceError, type MillraceError } from "../core/errors.ts";

/** After running requests were ended at shutdown, how long their clients have to read the end. */
const lastWordsMs = 1000;

/** The signals of running requests: one ends when its client leaves, all end when the server cannot wait any longer. */
export class RequestScopes {
  readonly #server: FastifyInstance;
  readonly #open = new Set<AbortController>();
  #requests = 0;
  #closing = false;

  /** `close()` of the server then drains for `drainMs` at most. */
  constructor(server: FastifyInstance, drainMs: number) {
    this.#server = server;
    const timers: NodeJS.Timeout[] = [];
    server.addHook("preClose", (done) => {
      this.#closing = true;
      timers.push(
        setTimeout(() => this.#abortAll(), drainMs),
        setTimeout(() => server.server.closeAllConnections(), drainMs + lastWordsMs),
      );
      this.#disconnectWhenIdle();
      done();
    });
    server.addHook("onClose", (_server, done) => {
      timers.forEach(clearTimeout);
      done();
    });
    server.addHook("onRequest", (_request, reply, done) => {
      this.#requests++;
      reply.raw.once("close", () => {
        this.#requests--;
        this.#disconnectWhenIdle();
      });
      done(this.#closing ? failure("shutting_down", undefined) : undefined);
    });
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

  #abortAll(): void {
    for (const controller of this.#open) controller.abort(failure("shutting_down", undefined));
  }

  /** Node itself waits for connections that were promised to be kept alive, and for those that never sent anything. */
  #disconnectWhenIdle(): void {
    if (!this.#closing || this.#requests > 0) return;
    setImmediate(() => {
      if (this.#requests === 0) this.#server.server.closeAllConnections();
    });
  }
}

/** Why a request ended that threw: the reason of its signal, if that was it. */
export function failureOf(thrown: unknown, signal: AbortSignal): MillraceError {
  return signal.aborted ? toMillraceError(signal.reason) : toMillraceError(thrown);
}
