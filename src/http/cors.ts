import type { FastifyInstance } from "fastify";
import type { CurrentSettings } from "./server-settings.ts";

/** How long a browser may remember what a preflight answered, in seconds. */
const preflightMaxAge = "600";

/** Tells browsers that pages of `corsOrigins` may send requests and read the answers; answers their preflights. */
export function allowOrigins(server: FastifyInstance, settings: CurrentSettings): void {
  server.addHook("onRequest", (request, reply, done) => {
    const { corsOrigins: origins } = settings();
    if (origins.length === 0) return done();
    const { origin, "access-control-request-method": method } = request.headers;
    if (!origins.includes("*")) void reply.header("vary", "Origin"); // also without one: caches keep the answer
    if (origin === undefined || !allows(origins, origin)) return done();
    void reply
      .header("access-control-allow-origin", origins.includes("*") ? "*" : origin)
      .header("access-control-expose-headers", "x-request-id, retry-after");
    if (request.method !== "OPTIONS" || method === undefined) return done();
    // Before the key is asked for: a preflight never brings it.
    const headers = request.headers["access-control-request-headers"];
    if (headers !== undefined) void reply.header("access-control-allow-headers", headers);
    if (request.headers["access-control-request-private-network"] === "true")
      void reply.header("access-control-allow-private-network", "true");
    void reply
      .header("access-control-allow-methods", "GET, HEAD, POST")
      .header("access-control-max-age", preflightMaxAge)
      .code(204)
      .send();
  });
}

export function allows(origins: readonly string[], origin: string): boolean {
  return origins.includes("*") || origins.includes(origin);
}
