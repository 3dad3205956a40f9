import type { ChatPrompt } from "./generation.ts";

/** What can be asked of a model's vocabulary and template, without computing anything. */
export type TextQuestion =
  | {
      readonly kind: "tokenize";
      readonly text: string;
      /** The model's own first (and last) token is added. */
      readonly addSpecial: boolean;
      /** Text like `<|im_start|>` is its token. */
      readonly parseSpecial: boolean;
    }
  | { readonly kind: "detokenize"; readonly tokens: readonly number[] }
  /** A conversation as the model reads it. */
  | ({ readonly kind: "render"; readonly model: string } & Pick<ChatPrompt, "messages" | "tools">);

export type TextReply = { readonly tokens: readonly number[] } | { readonly text: string };
