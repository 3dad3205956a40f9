import { once } from "node:events";
import { Command } from "commander";
import type { ConfigKey } from "../config/schema.ts";
import type { Backend } from "../core/backend.ts";
import { failure } from "../core/errors.ts";
import type { ChatMessage, GenerationRequest, Prompt } from "../core/generation.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";
import { generationRequest } from "./generation-request.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { numberOption } from "./number-option.ts";
import { pulling } from "./pulling.ts";
import { harmless } from "./style.ts";

const settings: readonly ConfigKey[] = ["model", "context", "threads", "engine"];

interface RunOptions {
  readonly system?: string;
  readonly raw?: true;
  readonly maxTokens?: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed?: number;
}

/** `millrace run`: one answer on stdout. Ctrl-C stops it. */
export function runCommand(): Command {
  const command = new Command("run")
    .description("Answer one prompt, without a server.")
    .argument("[prompt]", "what to ask; read from stdin when it is left out")
    .option("--system <text>", "system message before the prompt")
    .option("--raw", "continue the prompt as it is, without the model's chat template")
    .option("--max-tokens <number>", "most tokens to generate", numberOption({ from: 1, to: 2 ** 31 - 1, whole: true }))
    .option("--temperature <number>", "0 = always the likeliest token", numberOption({ from: 0, to: 2 }), 0.7)
    .option(
      "--top-p <number>",
      "choose among the likeliest tokens that add up to this",
      numberOption({ from: 0, to: 1 }),
      0.95,
    )
    .option(
      "--seed <number>",
      "the same seed gives the same answer",
      numberOption({ from: 0, to: 2 ** 32 - 1, whole: true }),
    );
  return addConfigOptions(command, settings).action(async (argument: string | undefined, options: RunOptions) => {
    const { config } = commandConfig(command, settings);
    const text = argument ?? (await readStdin());
    const { openLocal } = await import("../app.ts");
    await using backend = await pulling((pull) => openLocal(config, pull));
    using interrupts = abortOnInterrupt();
    const { signal } = interrupts;
    try {
      await printAnswer(backend, aRequest(backend.model.id, promptOf(text, options), options), signal);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  });
}

function promptOf(text: string, { system, raw }: RunOptions): Prompt {
  if (raw === true) return { kind: "text", text };
  const messages: ChatMessage[] = [{ role: "user", content: text }];
  if (system !== undefined) messages.unshift({ role: "system", content: system });
  return { kind: "chat", messages };
}

function aRequest(model: string, prompt: Prompt, options: RunOptions): GenerationRequest {
  const { temperature, topP, maxTokens, seed } = options;
  return generationRequest(model, prompt, {
    temperature,
    top_p: topP,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(seed === undefined ? {} : { seed }),
  });
}

/** Writes the answer as it comes, no faster than it is read. A reader that goes away ends it. */
async function printAnswer(backend: Backend, request: GenerationRequest, interrupted: AbortSignal): Promise<void> {
  const out = process.stdout;
  const gone = new AbortController();
  const stop = () => gone.abort();
  interrupted.addEventListener("abort", stop, { once: true });
  out.once("close", stop);
  try {
    for await (const event of backend.generate(request, gone.signal)) {
      if (event.type !== "text-delta" || event.text === "") continue;
      if (!out.write(out.isTTY ? harmless(event.text) : event.text)) await once(out, "drain", { signal: gone.signal });
    }
  } catch (error) {
    if (!gone.signal.aborted || interrupted.aborted) throw error;
  } finally {
    interrupted.removeEventListener("abort", stop);
    out.off("close", stop);
    if (out.writable) out.write("\n");
  }
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) throw failure("invalid_config", { problem: 'give a prompt: millrace run "Hello"' });
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk as string;
  text = text.replace(/\r?\n$/, "");
  if (text === "") throw failure("invalid_config", { problem: "there is no prompt: neither an argument nor on stdin" });
  return text;
}
