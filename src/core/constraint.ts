/**
 * What an answer may be: a context-free grammar over characters, whichever notation it was asked for in. It is valid when
 * it was made: rules exist and do not begin with themselves, and counted repetitions are of something.
 */
export interface Constraint {
  /** The answer as a whole is the first. */
  readonly rules: readonly Expression[];
}

export type Expression =
  | { readonly kind: "text"; readonly text: string }
  /** One character of these. */
  | { readonly kind: "character"; readonly ranges: readonly CodePoints[] }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  /** Without `most` any number of times. */
  | { readonly kind: "repeat"; readonly of: Expression; readonly least: number; readonly most?: number | undefined }
  /** What the rule of this index stands for. */
  | { readonly kind: "rule"; readonly index: number };

/** Unicode code points, both ends included. */
export type CodePoints = readonly [first: number, last: number];
