import type { ChoiceEvent, Prompt } from "../core/generation.ts";
import type { ServedModel } from "../core/models.ts";

interface Asked {
  readonly prompts: readonly Prompt[];
  /** How many answers to each. */
  readonly choices: number;
  readonly signal: AbortSignal;
}

/**
 * The same events, each answer's first with the text of its prompt. Token ids become text once they were admitted: by
 * then they are known to be the model's, and not too many.
 */
export async function* echoPrompts(
  events: AsyncIterable<ChoiceEvent>,
  model: Pick<ServedModel, "ask">,
  { prompts, choices, signal }: Asked,
): AsyncGenerator<ChoiceEvent, void> {
  const texts = new Map<Prompt, string>();
  for await (const said of events) {
    if (said.event.type !== "admitted") {
      yield said;
      continue;
    }
    const prompt = prompts[Math.floor(said.index / choices)]!;
    const echo = texts.get(prompt) ?? (await textOf(prompt, model, signal));
    texts.set(prompt, echo);
    yield { ...said, echo };
  }
}

async function textOf(prompt: Prompt, model: Pick<ServedModel, "ask">, signal: AbortSignal): Promise<string> {
  if (prompt.kind !== "tokens") return prompt.kind === "text" ? prompt.text : "";
  const reply = await model.ask({ kind: "detokenize", tokens: prompt.ids }, signal);
  return "text" in reply ? reply.text : "";
}
