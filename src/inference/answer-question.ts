import type { TextQuestion, TextReply } from "../core/text-question.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { renderChat } from "./chat-template.ts";
import { textOf } from "./detokenizer.ts";
import { checkedIds } from "./prompt-tokens.ts";

/** Throws MillraceError. May take as long as `prepareRequest`. */
export function answerQuestion(question: TextQuestion, vocabulary: Vocabulary): TextReply {
  if (question.kind === "tokenize") return { tokens: Array.from(vocabulary.tokenize(question.text, question)) };
  if (question.kind === "render") return { text: renderChat(question, vocabulary, question.model) };
  const tokens = checkedIds(question.tokens, vocabulary, "tokens");
  return { text: textOf(tokens, vocabulary, true) };
}
