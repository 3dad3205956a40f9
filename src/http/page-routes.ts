import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import { addRoute } from "./add-route.ts";

/** One file of the chat page or of the API's, in memory. */
export interface PageFile {
  readonly url: string;
  readonly type: string;
  readonly body: Buffer;
}

/** Where the build puts the page, seen from this file's place in src and in dist alike. */
const built = new URL("../../dist/page/", import.meta.url);

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Nothing but the page's own files and this server's API; no text becomes HTML or a script. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** What has an address of its own; all else is loaded by these, from below `/page/`. */
const addresses: Readonly<Record<string, string>> = { "index.html": "/", "docs.html": "/docs" };

/** The pages as they were built. */
export function readPage(): PageFile[] {
  return readdirSync(built).map((name) => ({
    url: addresses[name] ?? `/page/${name}`,
    type: types[extname(name)]!,
    body: readFileSync(fileURLToPath(new URL(name, built))),
  }));
}

/** A route for each file and no other: there is no path to climb. Open without a key, which the page asks for. */
export function addPageRoutes(server: FastifyInstance, page: readonly PageFile[]): void {
  for (const { url, type, body } of page) {
    const headers = {
      "content-type": type,
      "content-security-policy": contentSecurityPolicy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      // Asked for each time, sent when changed: a new version shows at once.
      "cache-control": "no-cache",
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`,
    };
    addRoute(server, {
      method: "GET",
      url,
      open: true,
      handler: (request, reply) => {
        void reply.headers(headers);
        const known = request.headers["if-none-match"]?.split(/, */) ?? [];
        if (known.some((tag) => tag.replace(/^W\//, "") === headers.etag)) return reply.code(304).send();
        return reply.send(body);
      },
    });
  }
}
