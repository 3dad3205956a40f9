/**
 * Malformed requests to the built program with the fake engine: each must get a 4xx in OpenAI's shape, the server must live
 * on, and good requests between them must be answered as before. `npm run test:fuzz -- [REQUESTS] [SEED]`, default 10,000
 * and a new seed.
 */
import fc from "fast-check";
import { malformedRequest, type MalformedRequest } from "../test/bad-input/malformed-request.ts";
import { answerTo, faultOf } from "../test/bad-input/raw-answer.ts";
import { startServer } from "../test/e2e/server.ts";

const requests = Number(process.argv[2] ?? 10_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
if (!(requests > 0) || !Number.isInteger(seed)) throw new Error("usage: fuzz [REQUESTS] [SEED]");
/** At once, between two looks at whether all is well. */
const together = 20;

await using server = await startServer({ args: ["--engine", "fake", "--log-level", "error"] });
const port = Number(new URL(server.url).port);
const before = await goodAnswer();
let faults = 0;
let sent = 0;
for (let round = 0; sent < requests; round++) {
  const some = fc.sample(malformedRequest, { numRuns: Math.min(together, requests - sent), seed: seed + round });
  sent += some.length;
  await Promise.all(some.map(send));
  const after = await goodAnswer().catch(String);
  if (server.process.exitCode !== null) throw new Error(`the server died (seed ${seed}):\n${server.output()}`);
  if (after !== before) tell("a good request", after);
  if (sent % 1000 === 0) console.log(`${sent} malformed requests, ${faults} faults`);
}
console.log(`${sent} malformed requests with seed ${seed}: ${faults} were not answered as they should be`);
process.exitCode = faults === 0 ? 0 : 1;

async function send({ wrong, bytes }: MalformedRequest): Promise<void> {
  const fault = await answerTo(bytes, port).then(faultOf, String);
  if (fault !== undefined) tell(wrong, `${fault}\n${bytes.subarray(0, 500).toString()}`);
}

function tell(what: string, fault: string): void {
  faults++;
  if (faults <= 20) console.error(`${what}: ${fault}\n`);
}

/** What the server says to a good request, but for id and time. */
async function goodAnswer(): Promise<string> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ prompt: "Once", seed: 1, max_tokens: 8 });
  const answer = await fetch(`${server.url}/v1/completions`, { method: "POST", headers, body });
  return JSON.stringify(((await answer.json()) as { choices: unknown }).choices);
}
