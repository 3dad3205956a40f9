import type { FastifyInstance } from "fastify";
import { failure } from "../core/errors.ts";
import type { CurrentSettings } from "./server-settings.ts";

/**
 * Ends the connection of a client that has read nothing of its answer for `slowClientTimeout` seconds (it may take twice
 * as long to notice); 0 = never. It goes by the socket's own timer, which bytes that the client takes set back. A whole
 * answer starts it here, a stream does so itself, when it has to wait for its reader.
 */
export function cutOffSlowReaders(server: FastifyInstance, settings: CurrentSettings): void {
  server.addHook("onRequest", (request, reply, done) => {
    reply.raw.once("timeout", () => {
      request.record.error = failure("slow_client", { seconds: settings().slowClientTimeout });
      reply.raw.destroy();
    });
    done();
  });
  server.addHook("onSend", (...[, { raw }, , done]) => {
    const { slowClientTimeout } = settings();
    if (slowClientTimeout > 0) raw.setTimeout(1000 * slowClientTimeout);
    done();
  });
}
