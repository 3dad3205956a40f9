import type { FastifyInstance, FastifyReply } from "fastify";
import { failure, toMillraceError, type MillraceError } from "../core/errors.ts";

/** After running requests were ended at shutdown, how long their clients have to read the end. */
const lastWordsMs = 1000;

/** The signals of running requests: one ends when its client leaves, all end when the server cannot wait any longer. */
export class RequestScopes {
  readonly #open = new Set<AbortController>();
  #closing = false;

  /** `close()` of the server then drains for `drainMs` at most. */
  constructor(server: FastifyInstance, drainMs: number) {
    const timers: NodeJS.Timeout[] = [];
    server.addHook("preClose", (done) => {
      this.#closing = true;
      const end = () => this.#end(failure("shutting_down", undefined));
      timers.push(
        setTimeout(end, drainMs),
        setTimeout(() => server.server.closeAllConnections(), drainMs + lastWordsMs),
      );
      done();
    });
    server.addHook("onClose", (_server, done) => {
      timers.forEach(clearTimeout);
      done();
    });
    server.addHook("onRequest", (request, reply, done) => {
      if (this.#closing) return done(failure("shutting_down", undefined));
      // Its head may already have promised to keep the connection, and Node closes only those that are idle now.
      reply.raw.once("close", () => {
        if (this.#closing) request.raw.socket.end();
      });
      done();
    });
  }

  /** Aborts, with the MillraceError to report, when the client leaves before it has its answer or the server ends. */
  signalFor(reply: FastifyReply): AbortSignal {
    const controller = new AbortController();
    const { raw } = reply;
    const clientGone = () => controller.abort(failure("request_cancelled", undefined));
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

  #end(error: MillraceError): void {
    for (const controller of this.#open) controller.abort(error);
  }
}

/** Why a request ended that threw: the reason of its signal, if that was it. */
export function failureOf(thrown: unknown, signal: AbortSignal): MillraceError {
  return signal.aborted ? toMillraceError(signal.reason) : toMillraceError(thrown);
}
