import { setMaxListeners } from "node:events";
import { setPriority } from "node:os";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { promptOf, requestOf } from "../src/bench/engine/burst.ts";
import { show, summarize } from "../src/bench/statistics.ts";
import { defaultPlan, type ExecutionPlan } from "../src/core/execution-plan.ts";
import { defaultScheduling } from "../src/core/scheduling.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { CpuShares } from "../src/host/cpu-shares.ts";
import { EngineHost } from "../src/host/engine-host.ts";
import { modelOfType } from "./smollm2.ts";
import { inTurns } from "./turns.ts";

const promptTokens = 64;
const answerTokens = 128;
/** Of the server process, as `serve` sets it. */
const serverPriority = 10;

interface Load {
  readonly streams: number;
  readonly seconds: number;
}

/**
 * Tokens per second of several engine processes that work at once, to those of one that works alone: with the cores
 * divided among them, and with `--naive` without. All of them live all the time; the variants take turns.
 */
export async function lease(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "8" },
      seconds: { type: "string", default: "5" },
      engines: { type: "string", default: "2" },
      streams: { type: "string", default: "4" },
      naive: { type: "boolean", default: false },
    },
  });
  const { threads } = threadsForThisMachine();
  const load: Load = { streams: Number(values.streams), seconds: Number(values.seconds) };
  const plan = { ...defaultPlan(await modelOfType("q4_0"), threads), slots: load.streams, contextPerSlot: 256 };
  const count = Number(values.engines);
  await using divided = await startEngines(plan, { count, cpuShares: new CpuShares(threads) });
  await using naive = await startEngines(plan, { count: values.naive ? count : 1, cpuShares: undefined });
  setPriority(serverPriority);
  const results = await inTurns(
    {
      "one, with all cores": (round) => rates([naive.hosts[round % naive.hosts.length]!], load),
      "one, others idle": (round) => rates([divided.hosts[round % count]!], load),
      [`${count} that share`]: () => rates(divided.hosts, load),
      ...(values.naive && { [`${count} that do not`]: () => rates(naive.hosts, load) }),
    },
    Number(values.rounds) + 1,
  );
  console.log(
    `\n${load.streams} streams per engine, ${threads} threads, tok/s: median [interval]; ratio to "one, others idle"`,
  );
  const base = results.get("one, others idle")!.slice(1).map(sum);
  for (const [name, all] of results) {
    const rounds = all.slice(1); // the first one warmed up
    const ratio = summarize(rounds.map((engines, round) => sum(engines) / base[round]!));
    const slowest = summarize(rounds.map((engines) => Math.min(...engines) / Math.max(...engines)));
    const fair = rounds[0]!.length > 1 ? ` | slowest to fastest ${show(slowest, 2)}` : "";
    console.log(`  ${name.padEnd(20)} ${show(summarize(rounds.map(sum)))}  ×${show(ratio, 3)}${fair}`);
  }
}

async function startEngines(
  plan: ExecutionPlan,
  { count, cpuShares }: { readonly count: number; readonly cpuShares: CpuShares | undefined },
) {
  const hosts = Array.from({ length: count }, () =>
    EngineHost.start(
      { engine: "llama", plan },
      {
        modelId: "bench",
        scheduling: defaultScheduling,
        logger: pino({ level: "silent" }),
        ...(cpuShares && { cpuShares }),
      },
    ),
  );
  const close = async () => void (await Promise.all(hosts.map((host) => host[Symbol.asyncDispose]())));
  await Promise.all(hosts.map((host) => host.ready()));
  return { hosts, [Symbol.asyncDispose]: close };
}

let prompts = 0;

/** Of each engine, tokens per second. Each stream is a client that sends its next request when it has its answer. */
async function rates(hosts: readonly EngineHost[], { streams, seconds }: Load): Promise<number[]> {
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  const counts = hosts.map(async (host) => {
    const clients = Array.from({ length: streams }, async () => {
      let tokens = 0;
      while (!over.signal.aborted) tokens += await answered(host, over.signal);
      return tokens;
    });
    return sum(await Promise.all(clients)) / seconds;
  });
  await sleep(1000 * seconds);
  over.abort();
  return await Promise.all(counts);
}

/** Tokens of one answer, until `signal` aborts. */
async function answered(host: EngineHost, signal: AbortSignal): Promise<number> {
  let tokens = 0;
  const request = requestOf("bench", promptOf(prompts++, promptTokens), answerTokens);
  try {
    for await (const event of host.generate(request, signal))
      if (event.type === "text-delta") tokens += event.tokens.length;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return tokens;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
