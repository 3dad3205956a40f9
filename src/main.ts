#!/usr/bin/env node
import { runCommandLine } from "./cli/program.ts";

process.exitCode = await runCommandLine(process.argv.slice(2));
// Whatever a library left open must not keep a finished command alive.
setTimeout(() => process.exit(), 1000).unref();
