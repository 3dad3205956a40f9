import type { FastifyInstance } from "fastify";
import { failure } from "../core/errors.ts";

/**
 * Reads bodies of type application/json and nothing else. JSON.parse does not recurse in V8, and nothing behind it
 * descends into a body either, so nesting 200,000 levels deep is only a body that fits no schema.
 */
export function readJsonBodies(server: FastifyInstance): void {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    try {
      done(null, JSON.parse(decoder.decode(body as Buffer)));
    } catch (error) {
      done(failure("invalid_json", { problem: problemOf(error, body.length) }, error));
    }
  });
}

function problemOf(error: unknown, length: number): string {
  if (length === 0) return "it is empty";
  return error instanceof SyntaxError ? error.message.slice(0, 200) : "it is not UTF-8";
}
