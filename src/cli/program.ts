import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { benchCommand } from "./bench.ts";
import { chatCommand } from "./chat.ts";
import { configCommand } from "./config.ts";
import { completionCommand } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { failureReport } from "./failure-report.ts";
import { modelsCommand } from "./models.ts";
import { quantizeCommand } from "./quantize.ts";
import { runCommand } from "./run.ts";
import { serveCommand } from "./serve.ts";

const commands = [
  serveCommand,
  chatCommand,
  runCommand,
  quantizeCommand,
  benchCommand,
  modelsCommand,
  doctorCommand,
  configCommand,
  completionCommand,
];

/** Runs one command; gives the exit code: 0, 1 = failed, 2 = wrong usage, 130 = stopped by Ctrl-C. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = new Command("millrace")
    .description("Serves open language models.")
    .version(version(), "-V, --version", "print the version")
    .enablePositionalOptions() // those after a subcommand are its own, also where its group has the same
    .exitOverride();
  for (const command of commands) {
    program.addCommand(command().copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has said why
    const report = failureReport(error, argv.includes("--verbose"));
    process.stderr.write(report.text);
    return report.exitCode;
  }
}

function version(): string {
  const path = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
