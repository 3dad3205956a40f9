import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { exitCodes } from "../core/exit-codes.ts";
import { failureReport } from "./failure-report.ts";

/** Loaded when named: nobody waits for the code of other commands. */
const commands: Readonly<Record<string, () => Promise<() => Command>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  chat: async () => (await import("./chat.ts")).chatCommand,
  run: async () => (await import("./run.ts")).runCommand,
  quantize: async () => (await import("./quantize.ts")).quantizeCommand,
  bench: async () => (await import("./bench.ts")).benchCommand,
  models: async () => (await import("./models.ts")).modelsCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
  config: async () => (await import("./config.ts")).configCommand,
  completion: async () => (await import("./completion.ts")).completionCommand,
};

/** Runs one command; gives the exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = new Command("millrace")
    .description("Serves open language models.")
    .version(version(), "-V, --version", "print the version")
    .enablePositionalOptions() // those after a subcommand are its own, also where its group has the same
    .exitOverride();
  for (const command of await commandsFor(argv[0])) program.addCommand(command().copyInheritedSettings(program));
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCodes.done.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done.code : exitCodes.usage.code; // it has said why
    const report = failureReport(error, argv.includes("--verbose"));
    process.stderr.write(report.text);
    return report.exitCode;
  }
}

/** The named one; all of them where they are listed, completed, or guessed at. */
async function commandsFor(name = ""): Promise<(() => Command)[]> {
  const alone = Object.hasOwn(commands, name) && name !== "completion";
  return await Promise.all((alone ? [commands[name]!] : Object.values(commands)).map((load) => load()));
}

function version(): string {
  const path = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
