#!/usr/bin/env node
import { runCommandLine } from "./cli/program.ts";

// A reader that goes away (`millrace run … | head`) is no reason to crash. Whoever writes much looks for itself.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
process.exitCode = await runCommandLine(process.argv.slice(2));
// Whatever a library left open must not keep a finished command alive.
setTimeout(() => process.exit(), 1000).unref();
