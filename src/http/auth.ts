import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { failure } from "../core/errors.ts";

/** Refuses requests without one of the keys, except to open routes. No keys = open to all. */
export function requireKey(server: FastifyInstance, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const known = keys.map(digest);
  server.addHook("onRequest", (request, reply, done) => {
    if (request.routeOptions.config.open === true || holdsKey(request, known)) return done();
    const wrong = keysOf(request).length > 0 ? ', error="invalid_token"' : "";
    void reply.header("www-authenticate", `Bearer realm="millrace"${wrong}`);
    done(failure("invalid_api_key", undefined));
  });
}

function holdsKey(request: FastifyRequest, known: readonly Buffer[]): boolean {
  // Digests have one length, and all are compared: neither the length of a key nor its place in the list can be timed.
  let found = false;
  for (const sent of keysOf(request).map(digest)) for (const one of known) found = timingSafeEqual(one, sent) || found;
  return found;
}

/** Some clients send both, one of them meant for somebody else. */
function keysOf({ headers }: FastifyRequest): string[] {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  return [bearer, headers["x-api-key"]].filter((key) => typeof key === "string" && key !== "") as string[];
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
