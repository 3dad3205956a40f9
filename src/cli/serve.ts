import { Command } from "commander";
import { loadConfig } from "../config/load-config.ts";
import type { ConfigKey } from "../config/schema.ts";
import { banner } from "./banner.ts";
import { addConfigOptions, readFlags } from "./config-options.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { ProgressDisplay } from "./progress.ts";

const settings: readonly ConfigKey[] = [
  "model",
  "host",
  "port",
  "parallel",
  "context",
  "threads",
  "engine",
  "apiKeys",
  "insecure",
];

/** `millrace serve`: runs until Ctrl-C or SIGTERM. */
export function serveCommand(): Command {
  const command = new Command("serve").description("Serve a model over HTTP, as OpenAI's API.");
  return addConfigOptions(command, settings).action(async () => {
    const { config } = loadConfig(readFlags(command, settings), process.env);
    using interrupts = abortOnInterrupt();
    const { signal } = interrupts;
    const progress = new ProgressDisplay(process.stderr);
    const { serve } = await import("../app.ts");
    try {
      await serve(config, {
        signal,
        onPull: (transfer) => progress.update(transfer),
        onListening: ({ url, modelId }) => {
          progress.end();
          process.stdout.write(`Listening on ${url}, loading ${modelId} ...\n`);
        },
        onReady: (served) => process.stdout.write(banner(served)),
      });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      progress.end();
    }
  });
}
