import type { TextQuestion } from "../../core/text-question.ts";
import { messagesField, toMessage } from "../openai/chat-request.ts";
import { checkBody } from "../openai/check-body.ts";
import { toolFields, toolUseOf } from "../openai/tool-fields.ts";
import { flag, objectOf, refused, text, tokenIdsField } from "../openai/fields.ts";

// llama-server's shapes, and `model` beside them.

/** Characters, or tokens: what is tokenized for one client keeps the prompts of the others waiting. */
const most = 250_000;
const contentAccepted = `a string of up to ${most} characters`;

const model = text("the id of a served model").nullish().describe("left out: the first model that is served");

export const tokenizeRequest = objectOf(
  {
    model,
    content: text(contentAccepted).max(most, contentAccepted).describe("the text"),
    add_special: flag().describe("begin as the model's prompts do; left out: no"),
    parse_special: flag().describe("read the names of control tokens as such; left out: yes"),
    with_pieces: refused("ask /detokenize for the text of a token"),
  },
  "a JSON object",
);

const tokensAccepted = `an array of up to ${most} token ids`;
export const detokenizeRequest = objectOf(
  {
    model,
    tokens: tokenIdsField(tokensAccepted, { least: 0, most }).describe("token ids"),
  },
  "a JSON object",
);

export const applyTemplateRequest = objectOf(
  { model, messages: messagesField.describe("the conversation, as in a chat"), tools: toolFields.tools },
  "a JSON object",
);

/** A valid question, and the model that it is for. */
export interface ParsedQuestion {
  readonly model: string;
  readonly question: TextQuestion;
}

/** Of `POST /tokenize`. Throws, as the others, a MillraceError that names the field at fault. */
export function parseTokenize(body: unknown, defaultModel: string): ParsedQuestion {
  const fields = checkBody(tokenizeRequest, body);
  const { content, add_special: addSpecial, parse_special: parseSpecial, model } = fields;
  return {
    model: model ?? defaultModel,
    question: { kind: "tokenize", text: content, addSpecial: addSpecial ?? false, parseSpecial: parseSpecial ?? true },
  };
}

/** Of `POST /detokenize`. */
export function parseDetokenize(body: unknown, defaultModel: string): ParsedQuestion {
  const { model, tokens } = checkBody(detokenizeRequest, body);
  return { model: model ?? defaultModel, question: { kind: "detokenize", tokens } };
}

/** Of `POST /apply-template`. */
export function parseApplyTemplate(body: unknown, defaultModel: string): ParsedQuestion {
  const fields = checkBody(applyTemplateRequest, body);
  const model = fields.model ?? defaultModel;
  const tools = toolUseOf({ tools: fields.tools })?.tools;
  const messages = fields.messages.map(toMessage);
  return { model, question: { kind: "render", model, messages, ...(tools && { tools }) } };
}
