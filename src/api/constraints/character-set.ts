import type { CodePoints } from "../../core/constraint.ts";

/** Characters as ranges that ascend and do not touch. Surrogates are no characters. */
export type CharacterSet = readonly CodePoints[];

const lastCodePoint = 0x10ffff;
const surrogates: CodePoints = [0xd800, 0xdfff];

/** Of ranges in any order, and of single characters or strings of them. */
export function setOf(...members: readonly (CodePoints | string)[]): CharacterSet {
  const ranges = members.flatMap((member) => (typeof member === "string" ? Array.from(member, single) : [member]));
  return complement(complement(ranges));
}

export function complement(ranges: readonly CodePoints[]): CharacterSet {
  const found: CodePoints[] = [];
  let from = 0;
  for (const [first, last] of [...ranges, surrogates].toSorted((a, b) => a[0] - b[0])) {
    if (first > from) found.push([from, first - 1]);
    from = Math.max(from, last + 1);
  }
  if (from <= lastCodePoint) found.push([from, lastCodePoint]);
  return found;
}

/** What is in one but not in the other. */
export function without(set: CharacterSet, other: CharacterSet): CharacterSet {
  return complement(setOf(...complement(set), ...other));
}

export function intersection(set: CharacterSet, other: CharacterSet): CharacterSet {
  return without(set, complement(other));
}

function single(character: string): CodePoints {
  const codePoint = character.codePointAt(0)!;
  return [codePoint, codePoint];
}
