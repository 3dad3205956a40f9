/**
 * Ends the engine under eight streams, again and again, and looks at what their readers got: no stream may break, no
 * token may be missing or come twice. Then it says how long streams stood still, and how long they might have.
 * And loads damaged models into a running server, which must go on answering.
 * `npm run test:chaos -- [fake|real] [KILLS] [SIGNAL]`, default 50 and SIGKILL; `-- damaged [FILES] [SEED]`, default 1000
 * and 1; all three without arguments.
 */
import { openEngine } from "../src/engine/open.ts";
import { silenceNativeLog } from "../src/engine/llama/native-log.ts";
import { startHost } from "./chaos/built-host.ts";
import { ChaosRun } from "./chaos/chaos-run.ts";
import { loadDamagedModels } from "./chaos/damaged-models.ts";
import { reportRecovery } from "./chaos/recovery.ts";
import { assertThat, checkTeacherForced, checkWhole, undisturbed } from "./chaos/verdicts.ts";
import { specOf } from "./chaos/workload.ts";
import { startingMs } from "./chaos/yardsticks.ts";

async function chaos(name: "fake" | "real", kills: number, signal: NodeJS.Signals): Promise<void> {
  const spec = await specOf(name);
  const expected = name === "fake" ? await undisturbed(spec) : undefined;
  const startMs = await startingMs(spec);
  const run = await underChaos();
  const resumed = run.answers.filter(({ resumes }) => resumes > 0);
  console.log(
    `${name}: ${kills} times ${signal}, ${run.answers.length} answers, ${resumed.length} went on after a death`,
  );
  silenceNativeLog();
  using engine = openEngine(spec);
  checkWhole(engine, run.answers);
  for (const { request, text } of run.answers)
    if (expected !== undefined) assertThat(text === expected[request.sampling.seed], `${request.id} says another text`);
  if (name === "real") checkTeacherForced(engine, resumed);
  reportRecovery(engine, run.kills, startMs);

  async function underChaos(): Promise<ChaosRun> {
    await using host = await startHost(spec);
    await host.ready();
    const running = new ChaosRun(host);
    await running.run(kills, signal);
    return running;
  }
}

const [only, ...rest] = process.argv.slice(2);
const [kills = "50", signal = "SIGKILL"] = rest;
const [files = "1000", seed = "1"] = rest;
for (const name of ["fake", "real"] as const)
  if (only === undefined || only === name) await chaos(name, Number(kills), signal as NodeJS.Signals);
if (only === undefined || only === "damaged") await loadDamagedModels(Number(files), Number(seed));
