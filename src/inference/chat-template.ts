import { Template } from "@huggingface/jinja";
import { failure } from "../core/errors.ts";
import type { ChatMessage } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";

const compiled = new WeakMap<Vocabulary, Template>();

/** A conversation as the text that the model was trained on, ready for the assistant to speak. May loop for ever. */
export function renderChat(messages: readonly ChatMessage[], vocabulary: Vocabulary, model: string): string {
  if (vocabulary.chatTemplate === undefined) throw failure("no_chat_template", { model });
  try {
    const template = compiled.get(vocabulary) ?? new Template(vocabulary.chatTemplate);
    compiled.set(vocabulary, template);
    return template.render({
      messages,
      add_generation_prompt: true,
      bos_token: tokenText(vocabulary, vocabulary.bosToken),
      eos_token: tokenText(vocabulary, vocabulary.eosToken),
    });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw failure("template_failed", { problem: problem.slice(0, 500) }, error);
  }
}

/** How a token is written in a template. */
export function tokenText(vocabulary: Vocabulary, token: number | undefined): string {
  return token === undefined ? "" : Buffer.from(vocabulary.piece(token, true)).toString();
}
