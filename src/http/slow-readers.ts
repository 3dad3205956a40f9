import type { FastifyInstance } from "fastify";
import { failure } from "../core/errors.ts";

/**
 * Ends the connection of a client that has read nothing of its answer for `seconds` (it may take twice as long to notice);
 * 0 = never. It goes by the socket's own timer, which bytes that the client takes set back. A whole answer starts it here,
 * a stream does so itself, when it has to wait for its reader.
 */
export function cutOffSlowReaders(server: FastifyInstance, seconds: number): void {
  if (seconds === 0) return;
  server.addHook("onRequest", (request, reply, done) => {
    reply.raw.once("timeout", () => {
      request.record.error = failure("slow_client", { seconds });
      reply.raw.destroy();
    });
    done();
  });
  server.addHook("onSend", (...[, { raw }, , done]) => {
    raw.setTimeout(1000 * seconds);
    done();
  });
}
