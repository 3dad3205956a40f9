import { MillraceError } from "../../core/errors.ts";
import type { GenerationEvent, TokenLogprobs } from "../../core/generation.ts";
import type { Fixed } from "./common-fields.ts";

/** What a server says about a request, all of it defaulted. */
export const someFixed = (over: Partial<Fixed> = {}): Fixed => ({
  id: "req-1",
  seed: 77,
  tenant: { name: "ann", weight: 1 },
  lane: "interactive",
  headers: { "x-priority": undefined, "x-request-timeout": undefined },
  defaultTimeoutMs: undefined,
  defaultModel: "small",
  defaults: {},
  ...over,
});

/** What `run` throws; fails when it throws nothing, or something else. */
export function errorOf(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

/** An answer in pieces, each a token; its text comes so many characters later, as where a stop string may begin. */
export function tokenDeltas(pieces: readonly string[], late = 0): GenerationEvent[] {
  const all = pieces.join("");
  let [begin, said] = [0, 0];
  const upTo = (end: number): string => all.slice(said, (said = Math.max(said, end)));
  const deltas = pieces.map((piece, token): GenerationEvent => {
    const logprob = { token, bytes: [...Buffer.from(piece)], isControl: false, logprob: -1, begin, top: [] };
    begin += piece.length;
    return { type: "text-delta", text: upTo(begin - late), tokens: [token], logprobs: [logprob] };
  });
  return [...deltas, { type: "text-delta", text: upTo(all.length), tokens: [] }];
}

/** Each token stands where its text does, or what is left of it, and there is none without. */
export function areTokensOf(text: string, tokens: readonly TokenLogprobs[]): boolean {
  let end = 0;
  for (const { begin, bytes } of tokens) {
    const piece = Buffer.from(bytes).toString();
    if (begin > end || (piece !== "" && !piece.includes(text[begin]!))) return false;
    end = Math.max(end, begin + piece.length);
  }
  return end >= text.length;
}
