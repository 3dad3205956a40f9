#!/usr/bin/env node
import { prepareEngine } from "./host/spawn-engine.ts";

// An engine process needs as long to start as the code below needs to load.
if (process.argv[2] === "serve") prepareEngine();

// A reader that goes away (`millrace run … | head`, a terminal that is closed) is no reason to crash. Whoever writes much looks for itself.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}
const { runCommandLine } = await import("./cli/program.ts");
process.exitCode = await runCommandLine(process.argv.slice(2));
// Whatever a library left open must not keep a finished command alive.
setTimeout(() => process.exit(), 1000).unref();
