import { Command } from "commander";
import { configKeys, fields } from "../config/fields.ts";
import type { ConfigKey } from "../config/schema.ts";
import { banner } from "./banner.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { ProgressDisplay } from "./progress.ts";

const settings: readonly ConfigKey[] = configKeys.filter((key) => fields[key].flag !== undefined);

/** `millrace serve`: runs until Ctrl-C or SIGTERM; SIGHUP makes it read its configuration again. */
export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Serve a model over HTTP, as OpenAI's API.")
    .argument("[model]", "the same as --model");
  return addConfigOptions(command, settings).action(async (model: string | undefined) => {
    const over = model === undefined ? {} : { model };
    const loaded = commandConfig(command, settings, over);
    let reload: (() => Promise<unknown>) | undefined;
    using interrupts = abortOnInterrupt(() => void reload?.().catch(() => {})); // the log has it
    const { signal } = interrupts;
    const progress = new ProgressDisplay(process.stderr);
    const { serve } = await import("../app.ts");
    try {
      await serve(loaded, {
        signal,
        reread: () => commandConfig(command, settings, over),
        onPull: progress.onPull,
        onFallback: ({ instead, problem }) => {
          progress.end();
          process.stderr.write(`Warning: ${problem}\nServing ${instead} in its place.\n`);
        },
        onListening: ({ url, loading, ...server }) => {
          reload = server.reload;
          progress.end();
          const models = loading.length === 0 ? "" : `, loading ${loading.join(", ")} ...`;
          process.stdout.write(`Listening on ${url}${models}\n`);
        },
        onReady: (served) => process.stdout.write(banner(served)),
      });
    } catch (error) {
      if (error !== signal.reason) throw error;
    } finally {
      progress.end();
    }
  });
}
