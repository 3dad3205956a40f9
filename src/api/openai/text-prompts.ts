import type { TextPrompt } from "../../core/generation.ts";

/** What `prompt` and `input` may be: one text, or several, each as a string or as token ids. */
export type GivenTexts = string | readonly number[] | readonly string[] | readonly (readonly number[])[];

/** At least one, as no array is empty. */
export function textPrompts(given: GivenTexts): readonly [TextPrompt, ...TextPrompt[]] {
  const prompts = severalIn(given)?.map(textPrompt);
  return (prompts ?? [textPrompt(given as string | readonly number[])]) as [TextPrompt, ...TextPrompt[]];
}

/** Undefined = it is one text. */
export function severalIn(given: GivenTexts): readonly (string | readonly number[])[] | undefined {
  return typeof given === "string" || typeof given[0] === "number"
    ? undefined
    : (given as readonly (string | readonly number[])[]);
}

function textPrompt(one: string | readonly number[]): TextPrompt {
  return typeof one === "string" ? { kind: "text", text: one } : { kind: "tokens", ids: one };
}
