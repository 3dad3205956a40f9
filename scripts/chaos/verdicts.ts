import { Detokenizer } from "../../src/inference/detokenizer.ts";
import { keyedUniform } from "../../src/inference/keyed-random.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { EngineSpec } from "../../src/engine/open.ts";
import { startHost } from "./built-host.ts";
import type { Answer } from "./chaos-run.ts";
import { answerTokens, requestOf, streams } from "./workload.ts";

/** By how much a greedy token's logit may fall short of the largest one of another batch shape. */
const greedyTolerance = 2.5;
/** How far off, on average, drawn tokens may be: undisturbed ones are up to 0.02 off, those of other draws 0.2. */
const drawTolerance = 0.05;

export function assertThat(holds: boolean, problem: string): void {
  if (holds) return;
  console.error(`broken: ${problem}`);
  process.exitCode = 1;
}

/** Each request was admitted once, has all its tokens, the text that they make, and the usage that says so. */
export function checkWhole(engine: Engine, answers: readonly Answer[]): void {
  for (const { request, admitted, tokens, completionTokens, promptTokens, prompt, text } of answers) {
    assertThat(admitted === 1, `${request.id} was admitted ${admitted} times`);
    assertThat(tokens.length === answerTokens, `${request.id} has ${tokens.length} tokens`);
    const usage = completionTokens === tokens.length && promptTokens === prompt.length;
    assertThat(usage, `${request.id} has the wrong usage`);
    const detokenizer = new Detokenizer();
    const pieces = tokens.map((token) => detokenizer.push(engine.vocabulary.piece(token)));
    assertThat(text === pieces.join("") + detokenizer.flush(), `${request.id} has a text that its tokens do not make`);
  }
}

/** What the streams say when nobody kills the engine, by lane. For the fake engine, which always says the same. */
export async function undisturbed(spec: EngineSpec): Promise<string[]> {
  await using host = await startHost(spec);
  await host.ready();
  const never = new AbortController().signal;
  const texts = Array.from({ length: streams }, async (_, lane) => {
    let text = "";
    for await (const event of host.generate(requestOf(lane, -1), never))
      if (event.type === "text-delta") text += event.text;
    return text;
  });
  return await Promise.all(texts);
}

/**
 * What a real engine is held to, whose logits depend on the shape of a batch: all of an answer is computed at once, and
 * then greedy tokens are near the largest logit, and drawn ones near where their random number points. A token too many,
 * too few or of another position would spoil all behind it.
 */
export function checkTeacherForced(engine: Engine, answers: readonly Answer[]): void {
  let worstGap = 0;
  let worstDistance = 0;
  for (const answer of answers) {
    const isGreedy = answer.request.sampling.temperature === 0;
    const faults = teacherForced(engine, answer, isGreedy ? shortfall : distance(answer));
    const { id } = answer.request;
    if (isGreedy) {
      const gap = Math.max(...faults);
      worstGap = Math.max(worstGap, gap);
      assertThat(gap <= greedyTolerance, `${id} has a token ${gap} below the largest logit`);
    } else {
      const mean = faults.reduce((a, b) => a + b) / faults.length;
      worstDistance = Math.max(worstDistance, mean);
      assertThat(mean <= drawTolerance, `${id} has tokens that are ${mean} off what was drawn, on average`);
    }
  }
  console.log(`  teacher-forced (${answers.length} answers that went on after a death): greedy tokens are at most`);
  console.log(
    `    ${worstGap.toFixed(2)} below the largest logit (allowed: ${greedyTolerance}); drawn tokens are, on average over an`,
  );
  console.log(
    `    answer, at most ${worstDistance.toFixed(3)} of probability off what was drawn (allowed: ${drawTolerance})`,
  );
}

/** How far a token is from what its logits call for; `position` is the length of the sequence before it. */
type Fault = (logits: Float32Array, token: number, position: number) => number;

/** What `fault` says of each token of the answer. */
function teacherForced(engine: Engine, { prompt, tokens }: Answer, fault: Fault): number[] {
  const all = Int32Array.from([...prompt, ...tokens]);
  const faults: number[] = [];
  engine.trim(0, 0);
  for (let from = 0; from < all.length; from += engine.plan.outputs) {
    const count = Math.min(engine.plan.outputs, all.length - from);
    const output = engine.step([{ slot: 0, tokens: all, from, count, outputs: "all" }]);
    for (let at = from + 1; at <= from + count; at++)
      if (at >= prompt.length && at < all.length) faults.push(fault(output.logits(0, at - 1 - from), all[at]!, at));
  }
  return faults;
}

const shortfall: Fault = (logits, token) => logits.reduce((a, b) => Math.max(a, b)) - logits[token]!;

/** From the random number of this draw to the token's part of the cumulative distribution: 0 = it would be drawn again. */
function distance({ request }: Answer): Fault {
  return (logits, token, position) => {
    const uniform = keyedUniform(request.sampling.seed, 0, position);
    const largest = logits.reduce((a, b) => Math.max(a, b));
    let total = 0;
    let below = 0;
    logits.forEach((logit, id) => {
      if (id === token) below = total;
      total += Math.exp(logit - largest);
    });
    const end = below + Math.exp(logits[token]! - largest);
    return Math.max(0, below / total - uniform, uniform - end / total);
  };
}
