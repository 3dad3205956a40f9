import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import type { Config, ConfigKey } from "../config/schema.ts";
import type { OpenModel } from "./chat/chat-model.ts";
import { openEmbedded } from "./chat/embedded-model.ts";
import { readHistory, writeHistory } from "./chat/history-file.ts";
import { LineEditor } from "./chat/line-editor.ts";
import { changedParameters } from "./chat/parameters.ts";
import { openRemote } from "./chat/remote-model.ts";
import { ChatSession, type ChatOutput } from "./chat/session.ts";
import { takeLine } from "./chat/slash-commands.ts";
import { timingInWords } from "./chat/timed-answer.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";
import { failureReport } from "./failure-report.ts";
import { abortOnInterrupt, Interrupted } from "./interrupts.ts";
import { harmless, styled } from "./style.ts";

const settings: readonly ConfigKey[] = ["model", "context", "threads", "engine"];

interface ChatOptions {
  readonly url?: string;
  readonly apiKey?: string;
  readonly system?: string;
  readonly params?: string;
  readonly verbose?: true;
}

/** `millrace chat`: a conversation, on a terminal or line by line through pipes. */
export function chatCommand(): Command {
  const command = new Command("chat")
    .description("Talk to a model, without a server or with one.")
    .option("--url <url>", "a server that speaks OpenAI's API, instead of a model in this process")
    .option("--api-key <key>", "key for that server")
    .option("--system <text>", "system message before the conversation")
    .option("--params <list>", 'parameters as of /params: "temperature=0.2 max_tokens=100"');
  return addConfigOptions(command, settings).action(async (options: ChatOptions) => {
    const { url, apiKey } = options;
    const keyed = apiKey === undefined ? {} : { apiKeys: [apiKey] };
    const { config, origins } = commandConfig(command, settings, keyed);
    const asked = origins.model.layer === "flag" ? config.model : undefined;
    const open: OpenModel = async (name, signal) =>
      url === undefined
        ? await openEmbedded({ ...config, model: name ?? config.model }, signal)
        : await openRemote({ url, apiKey: config.apiKeys[0]?.key }, name ?? asked);
    const parameters = changedParameters({}, options.params ?? "");
    const interactive = process.stdin.isTTY && process.stdout.isTTY;
    await using session = await ChatSession.start(open, interactive ? terminalOutput() : pipeOutput());
    session.conversation.system = options.system;
    session.conversation.parameters = parameters;
    await (interactive ? onTerminal(session, config, options.verbose === true) : throughPipes(session));
  });
}

async function onTerminal(session: ChatSession, { home }: Config, verbose: boolean): Promise<void> {
  const historyFile = join(home, "chat-history");
  session.output.remark(`Talking to ${session.modelId}; /help lists what else can be done.`);
  using editor = new LineEditor({
    input: process.stdin,
    output: process.stdout,
    prompt: ">>> ",
    history: readHistory(historyFile),
  });
  for (let more = true; more;) {
    const line = await editor.nextLine();
    if (line === undefined) break;
    try {
      more = await editor.interruptible((signal) => takeLine(session, line, signal));
    } catch (error) {
      if (error instanceof Interrupted) session.output.remark("stopped");
      else process.stderr.write(failureReport(error, verbose).text);
    }
  }
  writeHistory(historyFile, editor.history);
}

/** Each line of stdin is a question or a command; the first that fails ends it. */
async function throughPipes(session: ChatSession): Promise<void> {
  using interrupts = abortOnInterrupt();
  const { signal } = interrupts;
  const gone = new AbortController();
  const end = () => gone.abort();
  signal.addEventListener("abort", end, { once: true });
  process.stdout.once("close", end);
  const lines = createInterface({ input: process.stdin, signal: gone.signal });
  try {
    for await (const line of lines) if (gone.signal.aborted || !(await takeLine(session, line, gone.signal))) break;
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    lines.close();
    process.stdout.off("close", end);
  }
  signal.throwIfAborted();
}

function terminalOutput(): ChatOutput {
  const out = process.stdout;
  return {
    answer: async (text) => void out.write(harmless(text)),
    remark: (text) => void out.write(`${styled(out, "dim", text)}\n`),
    answered: (timing, stopped) => {
      const words = [...(stopped ? ["stopped"] : []), timingInWords(timing)].filter(Boolean).join(" · ");
      out.write(`\n${styled(out, "dim", words)}\n\n`);
    },
  };
}

/** Answers alone on stdout, so that they can be used. */
function pipeOutput(): ChatOutput {
  const out = process.stdout;
  return {
    answer: async (text) => {
      if (out.write(text) || !out.writable) return;
      const over = new AbortController();
      const { signal } = over;
      await Promise.race([once(out, "drain", { signal }), once(out, "close", { signal })]).finally(() => over.abort());
    },
    remark: (text) => void process.stderr.write(`${text}\n`),
    answered: () => void (out.writable && out.write("\n")),
  };
}
