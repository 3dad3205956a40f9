import { accessSync, constants, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { reportPage, type ReportPage, type TableRows } from "../../bench/report-page.ts";
import { failure } from "../../core/errors.ts";
import { styled } from "../style.ts";
import { table } from "../table.ts";

export interface ResultOptions {
  readonly json?: true;
  readonly output?: string;
  readonly html?: string;
  readonly quiet?: true;
}

interface Results {
  /** Plain data: what a program reads. */
  readonly json: object;
  readonly page: ReportPage;
  /** What a person reads: tables, and remarks below them. */
  readonly text: readonly (TableRows | string)[];
}

/** Gives a command `--json`, `--output`, `--html` and `--quiet`. */
export function addResultOptions(command: Command): Command {
  return command
    .option("--json", "print JSON instead of a table")
    .option("--output <file>", "write the result as JSON too")
    .option("--html <file>", "write a page with tables and plots too")
    .option("--quiet", "show no progress");
}

/** Before minutes are spent on a result that cannot be kept. Throws `invalid_config`. */
export function assertWritable({ output, html }: ResultOptions): void {
  for (const file of [output, html]) {
    if (file === undefined) continue;
    try {
      accessSync(dirname(resolve(file)), constants.W_OK);
    } catch (error) {
      throw failure(
        "invalid_config",
        { problem: `cannot write ${file}: its folder is not there or not writable` },
        error,
      );
    }
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true)
      throw failure("invalid_config", { problem: `cannot write ${file}: it is a folder` });
  }
}

/** Prints and writes what was asked for. */
export function showResults({ json, page, text }: Results, options: ResultOptions): void {
  const asJson = `${JSON.stringify(json, undefined, 2)}\n`;
  if (options.output !== undefined) writeFileSync(options.output, asJson);
  if (options.html !== undefined) writeFileSync(options.html, reportPage(page));
  if (options.json === true) {
    process.stdout.write(asJson);
    return;
  }
  process.stdout.write(text.map((part) => (typeof part === "string" ? `${part}\n` : table(part))).join("\n"));
}

/** Says on stderr what is going on. */
export function progressOf({ quiet }: ResultOptions): (what: string) => void {
  return quiet === true ? () => {} : (what) => void process.stderr.write(`${styled(process.stderr, "dim", what)}\n`);
}
