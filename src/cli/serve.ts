import { Command } from "commander";
import { configKeys, fields } from "../config/fields.ts";
import type { ConfigKey } from "../config/schema.ts";
import { banner } from "./banner.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { ProgressDisplay } from "./progress.ts";

const settings: readonly ConfigKey[] = configKeys.filter((key) => fields[key].flag !== undefined);

/** `millrace serve`: runs until Ctrl-C or SIGTERM. */
export function serveCommand(): Command {
  const command = new Command("serve").description("Serve a model over HTTP, as OpenAI's API.");
  return addConfigOptions(command, settings).action(async () => {
    const { config } = commandConfig(command, settings);
    using interrupts = abortOnInterrupt();
    const { signal } = interrupts;
    const progress = new ProgressDisplay(process.stderr);
    const { serve } = await import("../app.ts");
    try {
      await serve(config, {
        signal,
        onPull: progress.onPull,
        onFallback: ({ instead, problem }) => {
          progress.end();
          process.stderr.write(`Warning: ${problem}\nServing ${instead} in its place.\n`);
        },
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
