import type * as z from "zod";
import { chatRequest, messagesField } from "../../src/api/openai/chat-request.ts";
import { completionRequest } from "../../src/api/openai/completion-request.ts";
import { embeddingRequest } from "../../src/api/openai/embedding-request.ts";
import { elementOf, fieldNotes } from "../../src/api/openai/fields.ts";
import { generateStreamRequest } from "../../src/api/plain/generate-stream.ts";
import { applyTemplateRequest, detokenizeRequest, tokenizeRequest } from "../../src/api/plain/text-requests.ts";
import { answerCodes, errorTable } from "../../src/core/errors.ts";
import { tableOf } from "./table.ts";

type Fields = Readonly<Record<string, z.ZodType>>;

export const chatFieldTable = () => fieldTable(chatRequest.shape);
export const messageFieldTable = () => fieldTable((elementOf(messagesField) as z.ZodObject).shape);
export const completionFieldTable = () => fieldTable(completionRequest.shape);
export const embeddingFieldTable = () => fieldTable(embeddingRequest.shape);
export const tokenizeFieldTable = () => fieldTable(tokenizeRequest.shape);
export const detokenizeFieldTable = () => fieldTable(detokenizeRequest.shape);
export const applyTemplateFieldTable = () => fieldTable(applyTemplateRequest.shape);
export const generateStreamFieldTable = () => fieldTable(generateStreamRequest.shape);

/** What works first, then what is ignored, then what is refused. */
function fieldTable(fields: Fields): string {
  const rows = Object.entries(fields).map(([name, field]) => {
    const note = fieldNotes.get(field);
    if (note !== undefined) return [`\`${name}\``, note.here, note.why, ""];
    const isRequired = !field.safeParse(undefined).success;
    return [`\`${name}\``, isRequired ? "works, required" : "works", field.description ?? "", acceptedBy(field)];
  });
  const order = ["works, required", "works", "ignored", "refused"];
  const sorted = rows.toSorted((a, b) => order.indexOf(a[1]!) - order.indexOf(b[1]!));
  return tableOf(["field", "here", "what it does, or why not", "accepted"], sorted);
}

/** In the words of the error that a wrong value gets. */
function acceptedBy(field: z.ZodType): string {
  return field.safeParse(Symbol("no value of a request")).error!.issues[0]!.message;
}

/** Those of requests; others end a command. */
export function errorCodeTable(): string {
  const rows = answerCodes
    .map((code) => ({ code, ...errorTable[code] }))
    .toSorted((a, b) => a.status - b.status)
    .map(({ code, status, type, retryable }) => [`${status}`, `\`${code}\``, `\`${type}\``, retryable ? "yes" : "no"]);
  return tableOf(["status", "code", "type", "can trying again help"], rows);
}
