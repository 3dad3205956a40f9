import type { FastifyInstance } from "fastify";
import type { SseResponse } from "./sse-response.ts";

/** Streams that would go on for ever: they end when the server begins to close, and nobody waits for them. */
export class EndlessStreams {
  readonly #open = new Set<SseResponse>();

  /** To be made before whatever waits at `preClose` for requests to end. */
  constructor(server: FastifyInstance) {
    server.addHook("preClose", (done) => {
      for (const response of this.#open) response.end();
      done();
    });
  }

  /** Until the function that is returned is called. */
  add(response: SseResponse): () => void {
    this.#open.add(response);
    return () => void this.#open.delete(response);
  }
}
