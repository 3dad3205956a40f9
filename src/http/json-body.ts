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
      const text = decoder.decode(body as Buffer);
      const value: unknown = JSON.parse(text);
      if (hasHalfCharacter(text))
        return done(failure("invalid_json", { problem: "a string has half a surrogate pair" }));
      done(null, value);
    } catch (error) {
      done(failure("invalid_json", { problem: problemOf(error, body.length) }, error));
    }
  });
}

function problemOf(error: unknown, length: number): string {
  if (length === 0) return "it is empty";
  return error instanceof SyntaxError ? error.message.slice(0, 200) : "it is not UTF-8";
}

/** Of valid JSON: whether an escape stands for half of a character alone, which is no text and has no tokens. */
function hasHalfCharacter(json: string): boolean {
  if (!/\\ud[89a-f]/i.test(json)) return false;
  let awaited = -1; // where a second half has to stand
  for (const { 0: escape, 1: hex = "", index } of json.matchAll(/\\(?:u(d[89a-f]..)|[^])/gi)) {
    const isSecond = /^.[c-f]/i.test(hex);
    if (awaited !== (isSecond ? index : -1)) return true;
    awaited = hex === "" || isSecond ? -1 : index + escape.length;
  }
  return awaited !== -1;
}
