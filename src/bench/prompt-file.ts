import { readFileSync } from "node:fs";
import * as z from "zod";
import { failure } from "../core/errors.ts";
import type { Content, Conversation, Workload } from "./workload.ts";

const accepted =
  'an object with "prompt" (a text or token ids) or "messages" (each with "role" and "content"), and perhaps "max_tokens"';
const message = z.object({ role: z.string(), content: z.string(), name: z.string().optional() });
const maxTokens = z.int().min(1).optional();
const line = z.union([
  z.strictObject({ prompt: z.union([z.string().min(1), z.array(z.int().min(0)).min(1)]), max_tokens: maxTokens }),
  z.strictObject({ messages: z.array(message).min(1), max_tokens: maxTokens }),
]);

/** Requests from a JSONL file, in its order, again and again. Throws `invalid_config` that names the line at fault. */
export function promptFile(path: string, defaultMaxTokens: number): Workload {
  const lines = textOf(path).split("\n");
  const requests = lines.flatMap((text, at) =>
    text.trim() === "" ? [] : [requestOf(text, { at: `${path}:${at + 1}`, defaultMaxTokens })],
  );
  if (requests.length === 0) throw failure("invalid_config", { problem: `${path}: no requests` });
  return (index) => requests.at(index % requests.length)!;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw failure("invalid_config", { problem: `--prompts: ${(error as Error).message}` }, error);
  }
}

function requestOf(text: string, { at, defaultMaxTokens }: { at: string; defaultMaxTokens: number }): Conversation {
  const parsed = line.safeParse(jsonOf(text, at));
  if (!parsed.success) throw failure("invalid_config", { problem: `${at}: accepted: ${accepted}` });
  const { max_tokens = defaultMaxTokens, ...rest } = parsed.data;
  const turn = (content: Content) => ({ turns: [{ content, maxTokens: max_tokens }] });
  if ("messages" in rest)
    return turn({
      kind: "messages",
      messages: rest.messages.map(({ name, ...said }) => (name === undefined ? said : { ...said, name })),
    });
  return turn(
    typeof rest.prompt === "string" ? { kind: "text", text: rest.prompt } : { kind: "tokens", ids: rest.prompt },
  );
}

function jsonOf(text: string, at: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failure("invalid_config", { problem: `${at}: ${(error as Error).message}` }, error);
  }
}
