import { readFileSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { failure } from "../../core/errors.ts";
import type { ChatMessage } from "../../core/generation.ts";
import { parameterRanges, type ChatParameters } from "./parameters.ts";

const parameterSchemas = Object.entries(parameterRanges).map(([name, { from, to }]) => [
  name,
  z.number().min(from).max(to).optional(),
]);

const savedConversation = z.strictObject({
  model: z.string(),
  system: z.string().optional(),
  parameters: z.strictObject(Object.fromEntries(parameterSchemas)),
  messages: z.array(z.strictObject({ role: z.enum(["user", "assistant"]), content: z.string() })),
});

/** What is said before the next answer. Questions and answers take turns; a question waits at the end at most. */
export class Conversation {
  system: string | undefined;
  parameters: ChatParameters = {};
  #turns: ChatMessage[] = [];

  get messages(): readonly ChatMessage[] {
    const system = this.system === undefined ? [] : [{ role: "system", content: this.system }];
    return [...system, ...this.#turns];
  }

  get length(): number {
    return this.#turns.length;
  }

  ask(question: string): void {
    this.#turns.push({ role: "user", content: question });
  }

  answer(text: string): void {
    this.#turns.push({ role: "assistant", content: text });
  }

  /** Takes the last question back, and its answer if there is one; undefined = nothing was asked. */
  takeBack(): string | undefined {
    if (this.#turns.at(-1)?.role === "assistant") this.#turns.pop();
    return this.#turns.pop()?.content;
  }

  clear(): void {
    this.#turns = [];
  }

  /** Throws `invalid_config` when the file cannot be written, or is there already. */
  save(file: string, model: string): void {
    const { system, parameters } = this;
    const text = JSON.stringify({ model, system, parameters, messages: this.#turns }, undefined, 2);
    try {
      writeFileSync(file, `${text}\n`, { flag: "wx", mode: 0o600 });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw problem(code === "EEXIST" ? `${file} exists; choose another name` : `cannot write ${file}: ${message}`);
    }
  }

  /** Replaces everything by what `save` wrote. Throws `invalid_config`, and changes nothing then. */
  load(file: string): void {
    let saved: z.infer<typeof savedConversation>;
    try {
      saved = savedConversation.parse(JSON.parse(readFileSync(file, "utf8")));
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
      throw problem(`cannot load ${file}: ${why}`);
    }
    this.system = saved.system;
    this.parameters = saved.parameters;
    this.#turns = saved.messages;
  }
}

const problem = (problem: string) => failure("invalid_config", { problem });
