import type { CodePoints } from "../../core/constraint.ts";

type ByteRange = readonly [low: number, high: number];

/** The last code points that UTF-8 writes as 1, 2, 3 and 4 bytes. Surrogates, which it does not write, divide the third. */
const blocks: readonly CodePoints[] = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
];

/**
 * The characters of a range as UTF-8: each sequence of byte ranges stands for all combinations of its bytes. (As in Russ
 * Cox, "Regular Expression Matching in the Wild", 2010.)
 */
export function utf8Sequences([first, last]: CodePoints): readonly (readonly ByteRange[])[] {
  return blocks.flatMap(([low, high]) => {
    const [begin, end] = [Math.max(first, low), Math.min(last, high)];
    return begin > end ? [] : split(bytesOf(begin), bytesOf(end));
  });
}

function bytesOf(codePoint: number): readonly number[] {
  return Array.from(Buffer.from(String.fromCodePoint(codePoint)));
}

/** From `low` to `high`, which have the same length. */
function split(low: readonly number[], high: readonly number[]): ByteRange[][] {
  const [[a, ...lowRest], [b, ...highRest]] = [low as [number, ...number[]], high as [number, ...number[]]];
  if (lowRest.length === 0) return [[[a, b]]];
  if (a === b) return split(lowRest, highRest).map((rest) => [[a, a], ...rest]);
  const [lowest, highest] = [lowRest.map(() => 0x80), lowRest.map(() => 0xbf)];
  const cutsLow = lowRest.some((byte) => byte !== 0x80);
  const cutsHigh = highRest.some((byte) => byte !== 0xbf);
  const [from, to] = [cutsLow ? a + 1 : a, cutsHigh ? b - 1 : b];
  const whole: ByteRange[] = [[from, to], ...lowRest.map((): ByteRange => [0x80, 0xbf])];
  return [
    ...(cutsLow ? split(lowRest, highest).map((rest): ByteRange[] => [[a, a], ...rest]) : []),
    ...(from <= to ? [whole] : []),
    ...(cutsHigh ? split(lowest, highRest).map((rest): ByteRange[] => [[b, b], ...rest]) : []),
  ];
}
