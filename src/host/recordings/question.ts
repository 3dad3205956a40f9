import { createHash } from "node:crypto";
import type { EmbeddingRequest } from "../../core/embedding.ts";
import type { ChatMessage, GenerationRequest } from "../../core/generation.ts";
import type { TextQuestion } from "../../core/text-question.ts";

export type Asked = GenerationRequest | EmbeddingRequest | TextQuestion;

/** What a model was asked, as far as it decides the answer. */
export interface Question {
  readonly kind: "generate" | "embed" | "ask";
  /** The model's id, and the fields of the request. */
  readonly asked: Readonly<Record<string, unknown>>;
}

/** Who asks, how urgently, how long it may take and in what form do not decide what is answered. */
const undecisive: readonly string[] = ["id", "tenant", "lane", "timeoutMs", "arrived", "listed"];

export function questionOf(kind: Question["kind"], model: string, asked: Asked): Question {
  const all = Object.entries(withPlainIds(asked));
  const fields = all.filter(([name, value]) => value !== undefined && !undecisive.includes(name));
  return { kind, asked: { model, ...Object.fromEntries(fields) } };
}

function withPlainIds(asked: Asked): Asked {
  if ("messages" in asked) return { ...asked, messages: plainIds(asked.messages) };
  if (!("prompt" in asked) || asked.prompt.kind !== "chat") return asked;
  return { ...asked, prompt: { ...asked.prompt, messages: plainIds(asked.prompt.messages) } };
}

/** Calls are named in the order in which they appear: each answer makes new ids, and clients send them back in conversations. */
function plainIds(messages: readonly ChatMessage[]): ChatMessage[] {
  const names = new Map<string, string>();
  const named = (id: string): string => {
    const name = names.get(id) ?? `call_${names.size + 1}`;
    names.set(id, name);
    return name;
  };
  return messages.map(({ tool_calls: calls, tool_call_id: id, ...message }) => ({
    ...message,
    ...(calls && { tool_calls: calls.map((call) => ({ ...call, id: named(call.id) })) }),
    ...(id !== undefined && { tool_call_id: named(id) }),
  }));
}

/** The name of the file that holds the answer. The same question has the same name, in whatever order its fields stand. */
export function fileNameOf({ kind, asked }: Question): string {
  return `${kind}-${sumOf(asked)}.jsonl`;
}

/** The first 128 bits of the SHA-256 of `value` as JSON with sorted keys, in hex digits. */
export function sumOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex").slice(0, 32);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
