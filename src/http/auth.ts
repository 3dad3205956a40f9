import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiKey } from "../config/api-keys.ts";
import { isLoopback } from "../config/bind.ts";
import { failure } from "../core/errors.ts";
import type { Lane, Tenant } from "../core/generation.ts";
import type { CurrentSettings } from "./server-settings.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** On open routes it means nothing. */
    identity: Identity;
  }
}

/** Whose a request is. */
interface Identity {
  readonly tenant: Tenant;
  /** The most urgent lane that it may ask for. */
  readonly lane: Lane;
  /** It may use /admin. */
  readonly admin: boolean;
}

/** Whose requests are where no key is asked for. */
const anonymous: Identity = { tenant: { name: "anonymous", weight: 1 }, lane: "interactive", admin: false };

interface KnownKey extends Identity {
  readonly digest: Buffer;
}

/**
 * Tells whose a request is by the key that it brings, and refuses those without one, except to open routes. No keys =
 * open to all, but for /admin, which then is open to this machine alone.
 */
export function identify(server: FastifyInstance, settings: CurrentSettings): void {
  server.decorateRequest("identity");
  const keyring = new Keyring();
  server.addHook("onRequest", (request, reply, done) => {
    const { apiKeys } = settings();
    const identity = apiKeys.length === 0 ? anonymous : holderOf(request, keyring.of(apiKeys));
    request.identity = identity ?? anonymous;
    const { open, admin } = request.routeOptions.config;
    if (admin === true && identity !== undefined && !mayAdminister(request)) return done(adminRequired);
    if (open === true || identity !== undefined) return done();
    const wrong = keysOf(request).length > 0 ? ', error="invalid_token"' : "";
    void reply.header("www-authenticate", `Bearer realm="millrace"${wrong}`);
    done(failure("invalid_api_key", undefined));
  });
}

/** The digests of keys, made again when there are other keys. */
class Keyring {
  #keys: readonly ApiKey[] = [];
  #known: readonly KnownKey[] = [];

  of(keys: readonly ApiKey[]): readonly KnownKey[] {
    if (keys !== this.#keys)
      this.#known = keys.map(({ key, name, lane, weight, admin }) => {
        return { digest: digest(key), tenant: { name, weight }, lane, admin };
      });
    this.#keys = keys;
    return this.#known;
  }
}

const adminRequired = failure("admin_required", undefined);

function mayAdminister({ identity, socket }: FastifyRequest): boolean {
  return identity === anonymous ? isLoopback(socket.remoteAddress ?? "") : identity.admin;
}

function holderOf(request: FastifyRequest, known: readonly KnownKey[]): Identity | undefined {
  // Digests have one length, and all are compared: neither the length of a key nor its place in the list can be timed.
  let found: Identity | undefined;
  for (const sent of keysOf(request).map(digest))
    for (const one of known) if (timingSafeEqual(one.digest, sent)) found ??= one;
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
