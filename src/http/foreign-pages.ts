import type { FastifyInstance } from "fastify";
import { isLoopback } from "../config/bind.ts";
import { failure } from "../core/errors.ts";
import { shorten } from "../api/shown-value.ts";
import { allows } from "./cors.ts";
import type { CurrentSettings } from "./server-settings.ts";

interface Own {
  /** Address that the server listens on. */
  readonly host: string;
  readonly settings: CurrentSettings;
}

/**
 * Guards a server without keys that only this machine can reach: a browser here would carry any web page's requests to
 * it. A page of another site names itself in `Origin`; one that let its own name point to this machine (DNS rebinding)
 * still has that name in `Host`. Programs are not affected: they send no `Origin`, and the address they connect to.
 */
export function refuseForeignPages(server: FastifyInstance, { host: bound, settings }: Own): void {
  if (!isLoopback(bound)) return;
  server.addHook("onRequest", ({ headers }, _reply, done) => {
    const { host = "", origin } = headers;
    const { apiKeys, corsOrigins } = settings();
    if (apiKeys.length > 0) return done();
    if (host !== "" && !isOwnHost(host)) return done(failure("foreign_host", { host: shorten(host, 100) }));
    if (origin !== undefined && !isOwnPage(origin, host) && !allows(corsOrigins, origin))
      return done(failure("foreign_origin", { origin: shorten(origin, 100) }));
    done();
  });
}

/** Any name of this machine's loopback, with any port: a tunnel may have changed it. */
function isOwnHost(host: string): boolean {
  const url = `http://${host}`;
  if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(url)) return false;
  const { hostname } = new URL(url); // writes an address in its usual form
  return isLoopback(hostname.replace(/^\[|\]$/g, ""));
}

/** Browser extensions and desktop programs have origins of other schemes, which no page can claim. */
function isOwnPage(origin: string, host: string): boolean {
  const isWeb = origin === "null" || /^https?:/i.test(origin);
  return !isWeb || origin === `http://${host}` || origin === `https://${host}`;
}
