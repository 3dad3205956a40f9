import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { poll, startServer, type TestServer } from "./server.ts";

/** What came of a file. */
export interface Finding {
  /** `refused` by our reader, `rejected` by native code, `fatal` to the engine, all with words that say why; or `served`. */
  readonly outcome: "refused" | "rejected" | "fatal" | "served";
  readonly words: string;
  /** The longest that `/health` took to answer meanwhile, in ms. */
  readonly healthMs: number;
}

interface Report {
  readonly state: string;
  readonly error: { readonly message: string; readonly code: string } | null;
}

const json = { "content-type": "application/json" };

/** Loads one file after the other into a running server. Throws when that stops answering or a loading does not end. */
export async function tryModels(
  whole: Buffer,
  files: Iterable<Buffer>,
  onFinding: (finding: Finding, file: Buffer) => void,
) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-damaged-"));
  const model = join(folder, "damaged.gguf");
  const config = join(folder, "millrace.yaml");
  writeFileSync(model, whole);
  const entry = `{ name: tried, model: ${model}, load: on_demand, keep_alive: -1, parallel: 1, context: 512 }`;
  writeFileSync(config, `models:\n  - ${entry}\n`);
  try {
    await using server = await startServer({ args: ["--config", config, "--log-level", "fatal"] });
    for (const file of files) {
      writeFileSync(`${model}.new`, file);
      renameSync(`${model}.new`, model);
      onFinding(await tryModel(server), file);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function tryModel(server: TestServer): Promise<Finding> {
  let healthMs = 0;
  const health = async () => {
    const begin = performance.now();
    await (await fetch(`${server.url}/health`)).text();
    healthMs = Math.max(healthMs, performance.now() - begin);
  };
  const settled = async (states: readonly string[]) =>
    await poll(async () => {
      await health();
      const { data } = (await (await fetch(`${server.url}/admin/models`)).json()) as { data: [Report] };
      return states.includes(data[0].state) ? data[0] : undefined;
    });
  await fetch(`${server.url}/admin/models/tried/load`, { method: "POST" });
  const { state, error } = await settled(["ready", "failed"]);
  if (state === "failed") {
    return { outcome: outcomeOf(error!), words: error!.message, healthMs };
  }
  const answer = await fetch(`${server.url}/v1/completions`, {
    method: "POST",
    body: JSON.stringify({ prompt: "a b", max_tokens: 2, ignore_eos: true }),
    headers: json,
  });
  const { error: refusal } = (await answer.json()) as { error?: { message: string } };
  await health();
  await fetch(`${server.url}/admin/models/tried/unload`, { method: "POST" });
  await settled(["unloaded"]);
  return { outcome: refusal === undefined ? "served" : "fatal", words: refusal?.message ?? "", healthMs };
}

function outcomeOf({ code, message }: { readonly code: string; readonly message: string }): Finding["outcome"] {
  if (/its process|the engine died/.test(message)) return "fatal";
  return code === "engine_failed" || message.includes("llama.cpp cannot load it") ? "rejected" : "refused";
}
