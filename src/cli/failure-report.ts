import { inspect } from "node:util";
import { MillraceError } from "../core/errors.ts";
import { exitCodes } from "../core/exit-codes.ts";
import { Interrupted } from "./interrupts.ts";

/** Ends a command that has said itself why it cannot do better. */
export class Unsuccessful extends Error {
  override readonly name = "Unsuccessful";
}

/** What a command that failed prints, one line unless `verbose`, and its exit code. */
export function failureReport(thrown: unknown, verbose: boolean): { text: string; exitCode: number } {
  if (thrown instanceof Interrupted) return { text: "", exitCode: exitCodes.interrupted.code };
  if (thrown instanceof Unsuccessful) return { text: "", exitCode: exitCodes.failed.code };
  const expected = thrown instanceof MillraceError && thrown.code !== "internal";
  const message = thrown instanceof Error ? (innermost(thrown)?.message ?? thrown.message) : String(thrown);
  const line = message.replace(/\s+/g, " ").trim();
  const lines = [
    expected ? `error: ${line}` : `error: ${line || "unknown"} (this is a fault of Millrace; --verbose shows where)`,
    ...(verbose ? [inspect(thrown)] : []),
  ];
  return {
    text: `${lines.join("\n")}\n`,
    exitCode: (thrown instanceof MillraceError ? thrown.row.exit : undefined) ?? exitCodes.failed.code,
  };
}

/** The row "internal" tells clients nothing; on the command line its cause is what helps. */
function innermost(thrown: Error): Error | undefined {
  const hidden = thrown instanceof MillraceError && thrown.code === "internal";
  return hidden && thrown.cause instanceof Error ? thrown.cause : undefined;
}
