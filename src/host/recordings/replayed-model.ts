import type { ServerConfig } from "../../config/live-config.ts";
import type { Config } from "../../config/schema.ts";
import { failure } from "../../core/errors.ts";
import { loadFor } from "../load-for.ts";
import { claimOf } from "../model-claim.ts";
import type { ModelSpec } from "../pooled-model.ts";
import { schedulingFor } from "../scheduling-for.ts";
import { endSpareEngine } from "../spawn-engine.ts";
import { RecordingFolder } from "./recording-folder.ts";
import { Replay } from "./replay.ts";

/**
 * The configuration as it is served: with recordings to replay, their models take the place of those that it names. Throws
 * `invalid_config` when there are none, or when it contradicts itself, and `invalid_recording`.
 */
export function withRecordings(server: ServerConfig): ServerConfig {
  const { config } = server;
  const { record, replay, replayTiming } = config;
  if (record !== undefined && replay !== undefined)
    throw failure("invalid_config", { problem: "record and replay cannot go together: nothing new is said" });
  if (replayTiming && replay === undefined)
    throw failure("invalid_config", { problem: "replay_timing is about recordings: give replay a folder of them" });
  if (replay === undefined) return server;
  const models = new RecordingFolder(replay).models();
  return { config, models: models.map(({ id }) => ({ config: { ...config, name: id, model: id } })) };
}

/** What a pool must know of the model of `config`, which was recorded in the folder `replay`. It costs no memory. */
export function replayedModel(config: Config, replay: string): ModelSpec {
  const folder = new RecordingFolder(replay);
  const model = folder.models().find(({ id }) => id === config.name);
  if (model === undefined)
    throw failure("invalid_config", { problem: `replay: '${config.name}' is not recorded in '${replay}'` });
  const { id, defaults, hasChatTemplate } = model;
  const wanted = loadFor(config, "recordings", undefined);
  return {
    id,
    onDemand: false,
    task: undefined,
    keepAliveMs: Infinity,
    replicas: 1,
    scheduling: schedulingFor(config),
    mostWaiting: config.maxQueue,
    defaultsOver: () => defaults,
    recommended: defaults,
    prepare: async () => ({
      id,
      wanted,
      header: undefined,
      hasChatTemplate,
      recommended: defaults,
      [Symbol.dispose]() {},
    }),
    claim: (prepared) => claimOf(prepared, 1),
    start: () => {
      endSpareEngine();
      return new Replay(model, { folder, timing: config.replayTiming });
    },
  };
}
