import type { AnswerPart } from "./chat-model.ts";

export interface Timing {
  /** Milliseconds from the question to the first text; undefined = there was none. */
  readonly firstMs: number | undefined;
  /** Milliseconds from the first text to the last. */
  readonly streamMs: number;
  /** Undefined where the other side did not tell. */
  readonly tokens: number | undefined;
}

/** The texts of `parts`, and how fast they came so far. */
export function timedAnswer(
  parts: AsyncIterable<AnswerPart>,
  now: () => number = () => performance.now(),
): { texts: AsyncIterable<string>; timing: () => Timing } {
  const begin = now();
  let first: number | undefined;
  let last = begin;
  let tokens: number | undefined;
  async function* texts(): AsyncGenerator<string> {
    for await (const part of parts) {
      tokens = part.tokens ?? tokens;
      if (part.text === "") continue;
      last = now();
      first ??= last;
      yield part.text;
    }
  }
  const timing = (): Timing => ({
    firstMs: first === undefined ? undefined : first - begin,
    streamMs: first === undefined ? 0 : last - first,
    tokens,
  });
  return { texts: texts(), timing };
}

/** "64 tokens · 41.3 tokens/s · first after 0.12 s". The first token belongs to the wait before it, not to the rate. */
export function timingInWords({ firstMs, streamMs, tokens }: Timing): string {
  const parts: string[] = [];
  if (tokens !== undefined) parts.push(tokens === 1 ? "1 token" : `${tokens} tokens`);
  if (tokens !== undefined && tokens > 1 && streamMs > 0) {
    parts.push(`${((1000 * (tokens - 1)) / streamMs).toFixed(1)} tokens/s`);
  }
  if (firstMs !== undefined) parts.push(`first after ${(firstMs / 1000).toFixed(2)} s`);
  return parts.join(" · ");
}
