import { Agent, request } from "node:http";
import { promptOf, ratesOf, type Burst, type Rates } from "../src/bench/engine/burst.ts";

const agent = new Agent({ keepAlive: true });

/** Sends the burst to `/v1/completions` of a server and times each token's arrival. */
export async function runOverHttp(url: string, burst: Burst): Promise<Rates> {
  const begin = performance.now();
  const streams = Array.from({ length: burst.sequences }, (_, sequence) =>
    stream(`${url}/v1/completions`, {
      prompt: promptOf(sequence, burst.promptTokens),
      max_tokens: burst.answerTokens,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  const answers = await Promise.all(streams);
  for (const { tokens } of answers) {
    if (tokens !== burst.answerTokens) throw new Error(`an answer has ${tokens} of ${burst.answerTokens} tokens`);
  }
  const times = answers.map((answer) => answer.times.map((time) => time - begin));
  return ratesOf(times, burst);
}

/** A token whose bytes are no character yet has no chunk of its own, so tokens are counted by the usage at the end. */
function stream(url: string, body: object): Promise<{ times: number[]; tokens: number }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const outgoing = request(url, { method: "POST", agent, headers }, (response) => {
      const times: number[] = [];
      let tail = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        const now = performance.now();
        for (let at = text.indexOf('"text":'); at >= 0; at = text.indexOf('"text":', at + 1)) times.push(now);
        tail = (tail + text).slice(-1000);
      });
      response.on("error", reject);
      response.on("end", () => {
        const tokens = Number(/"completion_tokens":(\d+)/.exec(tail)?.[1]);
        if (Number.isNaN(tokens)) reject(new Error(`the answer has no usage: ${tail}`));
        else resolve({ times, tokens });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(JSON.stringify(body));
  });
}
