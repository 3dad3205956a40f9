import { pino } from "pino";
import { defaultScheduling, type Scheduling } from "../../src/core/scheduling.ts";
import type { EngineSpec } from "../../src/engine/open.ts";
import type { EngineHost } from "../../src/host/engine-host.ts";

/** The host of the built program: from sources each engine process would first have to be translated, which takes a second. */
const built = new URL("../../dist/bundle/engine-host.js", import.meta.url).href;

export async function startHost(spec: EngineSpec, over: Partial<Scheduling> = {}): Promise<EngineHost> {
  const { EngineHost: Host } = (await import(built)) as { readonly EngineHost: typeof EngineHost };
  const logger = pino({ level: "silent" });
  return Host.start(spec, { modelId: "chaos", scheduling: { ...defaultScheduling, ...over }, logger });
}
