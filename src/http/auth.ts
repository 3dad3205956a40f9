import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { failure } from "../core/errors.ts";
import { healthPath } from "./health-route.ts";

/** Refuses requests without one of the keys, except to the health check. No keys = open to all. */
export function requireKey(server: FastifyInstance, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const known = keys.map(digest);
  server.addHook("onRequest", (request, reply, done) => {
    if (request.routeOptions.url === healthPath || holdsKey(request, known)) return done();
    void reply.header("www-authenticate", "Bearer");
    done(failure("invalid_api_key", undefined));
  });
}

function holdsKey(request: FastifyRequest, known: readonly Buffer[]): boolean {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  const key = bearer ?? request.headers["x-api-key"];
  if (typeof key !== "string") return false;
  const sent = digest(key);
  // Digests have one length, and all are compared: neither the length of a key nor its place in the list can be timed.
  let found = false;
  for (const one of known) found = timingSafeEqual(one, sent) || found;
  return found;
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
