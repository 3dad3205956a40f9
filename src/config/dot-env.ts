import { existsSync } from "node:fs";
import { failure } from "../core/errors.ts";
import { readConfigFile } from "./read-config-file.ts";

/** One variable: where it stands is its name in the environment, and `file:line` in a file. */
export interface Variable {
  readonly name: string;
  readonly text: string;
  readonly place: string;
}

const assignment = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;
const ours = /^[ \t]*(?:export[ \t]+)?MILLRACE_/;

/** The variables of a `.env` file; none when there is no such file. The last of several lines for one name counts. */
export function readDotEnv(path: string): readonly Variable[] {
  return existsSync(path) ? parseDotEnv(path, readConfigFile(path)) : [];
}

/**
 * The usual form: `NAME=value`, `export` before it, quotes around it (which may hold line breaks; `\n` is one in double
 * quotes), comments. A line that is none of that may be meant for another program, but not when it begins with our name.
 */
export function parseDotEnv(path: string, text: string): Variable[] {
  const variables: Variable[] = [];
  let line = 0;
  for (let begin = 0, end: number; begin < text.length; begin = end + 1) {
    end = endOfLine(text, begin);
    const place = `${path}:${++line}`;
    const written = text.slice(begin, end);
    const [start, name] = assignment.exec(written) ?? [];
    if (start === undefined || name === undefined) {
      if (ours.test(written)) throw failure("invalid_config", { problem: `${place}: write it as NAME=value` });
      continue;
    }
    const value = written.slice(start.length);
    const quote = /^["'`]/.exec(value)?.[0];
    const open = begin + start.length;
    const close = quote === undefined ? -1 : text.indexOf(quote, open + 1);
    if (quote === undefined || close < 0) {
      if (quote !== undefined && ours.test(name))
        throw failure("invalid_config", { problem: `${place}: the quote ${quote} is not closed` });
      variables.push({ name, text: value.replace(/(^|[ \t])#[^]*$/, "").trim(), place });
      continue;
    }
    const inside = text.slice(open + 1, close).replaceAll("\r\n", "\n");
    variables.push({ name, text: quote === '"' ? inside.replaceAll("\\n", "\n") : inside, place });
    line += text.slice(open, close).split("\n").length - 1;
    end = endOfLine(text, close);
  }
  return variables;
}

function endOfLine(text: string, from: number): number {
  const found = text.indexOf("\n", from);
  return found < 0 ? text.length : found;
}
