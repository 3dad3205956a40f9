import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { failure } from "../../core/errors.ts";
import { newId } from "../../core/ids.ts";
import type { RequestDefaults } from "../../core/generation.ts";
import type { EngineInfo } from "../../engine/engine.ts";
import { infoSchema } from "../message-schemas.ts";
import { closestOf, excerptOf } from "./closest-question.ts";
import { fileNameOf, sumOf, type Question } from "./question.ts";

/** What was said, and when: in ms since the question. */
export interface Reply<T> {
  readonly ms: number;
  readonly reply: T;
}

/** What can be said to a question. */
export interface Sayable<T> {
  readonly schema: z.ZodType<T>;
  /** Nothing is said behind it. */
  readonly isEnd: (reply: T) => boolean;
}

/** What requests must know of a recorded model, beside its answers. */
export interface ModelFacts {
  readonly id: string;
  /** Among the models of its server; the first answers requests that name none. */
  readonly place: number;
  readonly hasChatTemplate: boolean;
  /** For requests that leave them out. */
  readonly defaults: RequestDefaults;
  readonly info: EngineInfo;
}

const count = z.int().nonnegative();
const defaultsSchema = z
  .object({
    temperature: z.number(),
    topK: z.int(),
    topP: z.number(),
    minP: z.number(),
    repeatPenalty: z.number(),
    frequencyPenalty: z.number(),
    presencePenalty: z.number(),
    seed: count,
    maxTokens: count,
    stop: z.array(z.string()),
    system: z.string(),
  })
  .partial();
const factsSchema: z.ZodType<ModelFacts> = z.object({
  id: z.string(),
  place: count,
  hasChatTemplate: z.boolean(),
  defaults: defaultsSchema,
  info: infoSchema,
});
const questionSchema: z.ZodType<Question> = z.object({
  kind: z.enum(["generate", "embed", "ask"]),
  asked: z.record(z.string(), z.unknown()),
});

/**
 * A folder of recordings: for each question a file of lines, the question and then what was said; for each model a file
 * of what is known about it. Files are written whole or not at all, and only their owner may read them.
 */
export class RecordingFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Throws `invalid_config` when it is not there and cannot be made. */
  make(): void {
    try {
      mkdirSync(this.path, { recursive: true });
    } catch (error) {
      throw failure("invalid_config", { problem: `record: ${messageOf(error)}` }, error);
    }
  }

  async write(question: Question, replies: readonly Reply<object>[]): Promise<void> {
    const lines = [question, ...replies].map((line) => `${JSON.stringify(line)}\n`);
    await this.#write(fileNameOf(question), lines.join(""));
  }

  /**
   * What was said to the same question, with its end. Throws `not_recorded`, or `invalid_recording` when that cannot be
   * said to it, or the end is missing.
   */
  async read<T>(question: Question, { schema, isEnd }: Sayable<T>): Promise<readonly [...Reply<T>[], Reply<T>]> {
    const name = fileNameOf(question);
    const text = await readFile(join(this.path, name), "utf8").catch(() => undefined);
    if (text === undefined) throw await this.#notRecorded(question);
    const [, ...lines] = text.trimEnd().split("\n");
    const replySchema = z.object({ ms: z.number().nonnegative(), reply: schema });
    const replies = lines.map((line, index) => this.#parse(replySchema, line, `${name}:${index + 2}`));
    const last = replies.pop();
    if (last !== undefined && isEnd(last.reply)) return [...replies, last];
    const file = join(this.path, `${name}:${lines.length + 2}`);
    throw failure("invalid_recording", { file, problem: "the answer's end is missing" });
  }

  async writeModel(facts: ModelFacts): Promise<void> {
    await this.#write(`model-${sumOf(facts.id)}.json`, `${JSON.stringify(facts, undefined, 2)}\n`);
  }

  /** The recorded models in their order. Throws `invalid_recording`; `invalid_config` when there are none. */
  models(): readonly ModelFacts[] {
    const names = this.#names().filter((name) => /^model-.*\.json$/.test(name));
    const models = names.map((name) => this.#parse(factsSchema, readFileSync(join(this.path, name), "utf8"), name));
    if (models.length > 0) return models.toSorted((a, b) => a.place - b.place || (a.id < b.id ? -1 : 1));
    const problem = `replay: no recordings in '${this.path}'; a server with --record ${this.path} makes some`;
    throw failure("invalid_config", { problem });
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.path);
    } catch {
      return [];
    }
  }

  async #notRecorded(question: Question): Promise<Error> {
    const names = (await readdir(this.path)).filter((name) => name.startsWith(`${question.kind}-`));
    const others: { readonly file: string; readonly question: Question }[] = [];
    // One by one: there may be thousands.
    for (const file of names.filter((name) => name.endsWith(".jsonl"))) {
      const other = await this.#questionIn(file);
      if (other !== undefined) others.push({ file, question: other });
    }
    const closest = closestOf(question, others);
    const help =
      closest === undefined
        ? ""
        : `; the closest recording, ${closest.file}, has another ${closest.differs.join(", ")}`;
    return failure("not_recorded", { asked: excerptOf(question), folder: this.path, help });
  }

  /** Undefined = the file cannot be read. Whoever asks its question is told why. */
  async #questionIn(name: string): Promise<Question | undefined> {
    const file = await open(join(this.path, name)).catch(() => undefined);
    try {
      for await (const line of file?.readLines() ?? []) return this.#parse(questionSchema, line, `${name}:1`);
    } catch {
      return undefined;
    } finally {
      await file?.close();
    }
    return undefined;
  }

  async #write(name: string, text: string): Promise<void> {
    const temporary = join(this.path, `${newId("unfinished")}.tmp`);
    try {
      await writeFile(temporary, text, { mode: 0o600 });
      await rename(temporary, join(this.path, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #parse<T>(schema: z.ZodType<T>, json: string, place: string): T {
    try {
      return schema.parse(JSON.parse(json));
    } catch (error) {
      const problem = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
      throw failure("invalid_recording", { file: join(this.path, place), problem }, error);
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
