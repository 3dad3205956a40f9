import { Template } from "@huggingface/jinja";
import { failure } from "../core/errors.ts";
import type { ChatPrompt, ReasoningEffort } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { toolForms } from "./chat-tools.ts";

const compiled = new WeakMap<Vocabulary, Template>();

/** A conversation as the text that the model was trained on, ready for the assistant to speak. May loop for ever. */
export function renderChat(prompt: Omit<ChatPrompt, "kind">, vocabulary: Vocabulary, model: string): string {
  const { reasoningEffort } = prompt;
  if (vocabulary.chatTemplate === undefined) throw failure("no_chat_template", { model });
  const steering = reasoningEffort && steeringOf(reasoningEffort, vocabulary.chatTemplate, model);
  try {
    const template = compiled.get(vocabulary) ?? new Template(vocabulary.chatTemplate);
    compiled.set(vocabulary, template);
    const fixed = {
      ...steering,
      add_generation_prompt: true,
      bos_token: tokenText(vocabulary, vocabulary.bosToken),
      eos_token: tokenText(vocabulary, vocabulary.eosToken),
    };
    return firstAccepted(toolForms(prompt, vocabulary.chatTemplate), (form) => template.render({ ...fixed, ...form }));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw failure("template_failed", { problem: problem.slice(0, 500) }, error);
  }
}

/** What `render` makes of the first form that it does not refuse; throws what it said of the last. */
function firstAccepted<Form>(forms: Iterable<Form>, render: (form: Form) => string): string {
  let refusal: unknown;
  for (const form of forms) {
    try {
      return render(form);
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

/** What tells a template how long the model is to think. There are two ways, and most templates know neither. */
function steeringOf(effort: ReasoningEffort, template: string, model: string): Readonly<Record<string, unknown>> {
  if (/\breasoning_effort\b/.test(template)) return { reasoning_effort: effort };
  if (/\benable_thinking\b/.test(template)) return { enable_thinking: effort !== "none" };
  const problem = `the chat template of model '${model}' does not let it be chosen`;
  throw failure("unsupported_field", { field: "reasoning_effort", problem });
}

/** How a token is written in a template. */
export function tokenText(vocabulary: Vocabulary, token: number | undefined): string {
  return token === undefined ? "" : Buffer.from(vocabulary.piece(token, true)).toString();
}
