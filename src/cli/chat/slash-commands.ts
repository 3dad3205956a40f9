import { closestWord } from "../../core/closest-word.ts";
import { failure } from "../../core/errors.ts";
import { changedParameters, parametersInWords } from "./parameters.ts";
import type { ChatSession } from "./session.ts";

interface SlashCommand {
  readonly usage: string;
  readonly summary: string;
  readonly run: (session: ChatSession, argument: string, signal: AbortSignal) => void | Promise<void>;
}

const commands: Readonly<Record<string, SlashCommand>> = {
  "/system": {
    usage: "/system [TEXT | off]",
    summary: "show or set the system message",
    run: ({ conversation, output }, text) => {
      if (text !== "") conversation.system = text === "off" ? undefined : text;
      output.remark(`system: ${conversation.system ?? "none"}`);
    },
  },
  "/model": {
    usage: "/model [NAME]",
    summary: "show the model, or go on with another",
    run: async (session, name, signal) => {
      if (name !== "") await session.changeModel(name, signal);
      session.output.remark(`model: ${session.modelId}`);
    },
  },
  "/params": {
    usage: "/params [NAME=VALUE ...]",
    summary: "show or set temperature, top_p, max_tokens, seed, ...; NAME=off unsets",
    run: ({ conversation, output }, text) => {
      conversation.parameters = changedParameters(conversation.parameters, text);
      output.remark(`params: ${parametersInWords(conversation.parameters)}`);
    },
  },
  "/save": {
    usage: "/save FILE",
    summary: "write the conversation to a new file",
    run: (session, file) => {
      session.conversation.save(needed("/save", file), session.modelId);
      session.output.remark(`saved to ${file}`);
    },
  },
  "/load": {
    usage: "/load FILE",
    summary: "go on with a conversation that was saved; the model stays",
    run: ({ conversation, output }, file) => {
      conversation.load(needed("/load", file));
      output.remark(`${conversation.length} messages from ${file}`);
    },
  },
  "/retry": {
    usage: "/retry",
    summary: "another answer to the last question",
    run: async (session, _, signal) => {
      const question = session.conversation.takeBack();
      if (question === undefined) throw problem("nothing was asked yet");
      await session.ask(question, signal);
    },
  },
  "/clear": {
    usage: "/clear",
    summary: "forget what was said; system message and parameters stay",
    run: ({ conversation, output }) => {
      conversation.clear();
      output.remark("a new conversation");
    },
  },
  "/help": {
    usage: "/help",
    summary: "show this; a line that begins with a blank is never a command",
    run: ({ output }) => output.remark(help()),
  },
  "/exit": { usage: "/exit", summary: "leave; so do Ctrl-D, and Ctrl-C twice", run: () => {} },
};

/**
 * Does what one line says: a command, or a question to the model. False = it was the last one. What went wrong is thrown;
 * the session can go on after it.
 */
export async function takeLine(session: ChatSession, line: string, signal: AbortSignal): Promise<boolean> {
  if (line.trim() === "") return true;
  if (!line.startsWith("/")) {
    await session.ask(line.trim(), signal);
    return true;
  }
  const [, name = "", argument = ""] = /^(\S+)\s*([^]*?)\s*$/.exec(line) ?? [];
  if (!Object.hasOwn(commands, name)) {
    const near = closestWord(name, Object.keys(commands));
    throw problem(`there is no command ${name}; ${near === undefined ? "/help lists them" : `did you mean ${near}?`}`);
  }
  await commands[name]!.run(session, argument, signal);
  return name !== "/exit";
}

/** For the completion of a line with the tabulator key. */
export function completeCommand(line: string): [matches: string[], completed: string] {
  return [Object.keys(commands).filter((name) => line.startsWith("/") && name.startsWith(line)), line];
}

function help(): string {
  const lines = Object.values(commands).map(({ usage, summary }) => `${usage.padEnd(26)} ${summary}`);
  return [...lines, `${"Ctrl-C".padEnd(26)} stop the answer`].join("\n");
}

function needed(command: string, file: string): string {
  if (file === "") throw problem(`${command} needs the name of a file`);
  return file;
}

const problem = (problem: string) => failure("invalid_config", { problem });
