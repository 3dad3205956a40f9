import { createHash } from "node:crypto";

/** What a model was asked, as far as it decides the answer. */
export interface Question {
  readonly kind: "generate" | "embed" | "ask";
  /** The model's id, and the fields of the request. */
  readonly asked: Readonly<Record<string, unknown>>;
}

/** Who asks, how urgently, how long it may take and in what form do not decide what is answered. */
const undecisive: readonly string[] = ["id", "tenant", "lane", "timeoutMs", "arrived", "listed"];

/** `asked` is a `GenerationRequest`, an `EmbeddingRequest` or a `TextQuestion`. */
export function questionOf(kind: Question["kind"], model: string, asked: object): Question {
  const fields = Object.entries(asked).filter(([name, value]) => value !== undefined && !undecisive.includes(name));
  return { kind, asked: { model, ...Object.fromEntries(fields) } };
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
