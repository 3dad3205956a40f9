/** The tokens of a model. Safe to use on any thread that opened it, also while a step runs. */
export interface Vocabulary {
  readonly size: number;
  /** Bytes of the longest piece: no text of n bytes has fewer than n / maxPieceBytes tokens. */
  readonly maxPieceBytes: number;
  readonly bosToken: number | undefined;
  readonly eosToken: number | undefined;
  /** Tokens that have no text of their own in an answer: their piece is empty unless `special`. */
  readonly controlTokens: readonly number[];
  /** Jinja source from the model file; undefined for base models. */
  readonly chatTemplate: string | undefined;
  /**
   * `parseSpecial`: text like `<|im_start|>` becomes its token (templates: yes; a user's own text: no).
   * `addSpecial`: the model's BOS (and EOS, where it wants one) is added as the model file says.
   */
  tokenize(text: string, options: { parseSpecial: boolean; addSpecial: boolean }): Int32Array;
  /** The token's bytes; control tokens have none unless `special`. A character may be spread over several tokens. */
  piece(token: number, special?: boolean): Uint8Array;
  /** The model ends its answer with this token. */
  endsGeneration(token: number): boolean;
}

/** What another thread needs to open the same vocabulary; survives structured clone. */
export type VocabularyHandle =
  | { readonly kind: "llama"; readonly libraryDirectory: string; readonly model: bigint }
  | { readonly kind: "fake"; readonly options: string };
