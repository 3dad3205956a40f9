/** A burst: `sequences` prompts of `promptTokens` arrive at once, each is answered with `answerTokens`, greedily. */
export interface Burst {
  readonly sequences: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export const burstOf = (sequences: number): Burst => ({ sequences, promptTokens: 128, answerTokens: 64 });

/** Token ids that no two sequences share, so that nothing can be reused. */
export function promptOf(sequence: number, { promptTokens }: Burst): number[] {
  return Array.from({ length: promptTokens }, (_, position) => 100 + ((sequence * 131 + position * 17) % 30_000));
}

/** Tokens per second. The prefill ends when every sequence has its first token; `all` is over the whole burst. */
export interface Rates {
  readonly prefill: number;
  readonly decode: number;
  readonly all: number;
}

/** `times[s][k]`: when sequence s had its token k, in milliseconds after the burst arrived. */
export function ratesOf(times: readonly (readonly number[])[], burst: Burst): Rates {
  const prefillEnd = Math.max(...times.map((sequence) => sequence[0]!));
  const end = Math.max(...times.map((sequence) => sequence.at(-1)!));
  const decoded = times.flat().filter((time) => time > prefillEnd).length;
  const tokens = burst.sequences * (burst.promptTokens + burst.answerTokens);
  return {
    prefill: (1000 * burst.sequences * burst.promptTokens) / prefillEnd,
    decode: (1000 * decoded) / (end - prefillEnd),
    all: (1000 * tokens) / end,
  };
}
