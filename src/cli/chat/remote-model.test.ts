import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { openRemote } from "./remote-model.ts";
import { localServer } from "./testing.ts";

const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

/** A server with two models whose answers are `answer`'s. */
const aServer = (answer: RequestListener) =>
  localServer((request, response) => {
    if (request.url === "/v1/models") response.end(JSON.stringify({ data: [{ id: "one" }, { id: "two" }] }));
    else answer(request, response);
  });

async function ask(url: string, signal = new AbortController().signal): Promise<string> {
  await using model = await openRemote({ url, apiKey: "key" }, undefined);
  let text = "";
  for await (const part of model.ask([{ role: "user", content: "hi" }], { seed: 1 }, signal)) text += part.text;
  return text;
}

test("asks the first model, or the one that is named, with key and parameters", async () => {
  const seen: unknown[] = [];
  await using server = await aServer((request, response) => {
    let body = "";
    request.on("data", (text) => (body += text));
    request.on("end", () => {
      seen.push(request.headers.authorization, JSON.parse(body));
      response.end(
        `${chunk("he")}${chunk("llo")}data: {"choices":[],"usage":{"completion_tokens":2}}\n\ndata: [DONE]\n\n`,
      );
    });
  });
  expect(await ask(`${server.url}/v1/`)).toBe("hello");
  expect(seen).toEqual(["Bearer key", expect.objectContaining({ model: "one", stream: true, seed: 1 })]);
  expect((await openRemote({ url: server.url, apiKey: undefined }, "two")).id).toBe("two");
  await expect(openRemote({ url: server.url, apiKey: undefined }, "three")).rejects.toMatchObject({
    code: "model_not_found",
    message: expect.stringContaining("one, two"),
  });
});

const bad: [name: string, answer: RequestListener, says: RegExp][] = [
  [
    "an error before the answer",
    (_, r) => void r.writeHead(429).end('{"error":{"message":"busy"}}'),
    /HTTP 429: busy$/,
  ],
  ["an error in the answer", (_, r) => void r.end(`${chunk("a")}data: {"error":{"message":"died"}}\n\n`), /: died$/],
  ["an answer that ends early", (_, r) => void r.end(chunk("a")), /ended in the middle/],
  ["an answer that breaks off", (_, r) => void r.write(chunk("a"), () => r.destroy()), /failed: \S/],
  ["something else", (_, r) => void r.end("data: <html>\n\n"), /not OpenAI's API: <html>$/],
];
test.each(bad)("%s is told", async (_name, answer, says) => {
  await using server = await aServer(answer);
  await expect(ask(server.url)).rejects.toMatchObject({
    code: "remote_server_failed",
    message: expect.stringMatching(says),
  });
});

test("a server that is not there, or not one, is told", async () => {
  await using page = await localServer((_, response) => void response.end("<html>"));
  await expect(ask(page.url)).rejects.toThrow(/not OpenAI's API/);
  const { url } = page;
  await page[Symbol.asyncDispose]();
  await expect(ask(url)).rejects.toThrow(/ECONNREFUSED/);
});

test("an answer that is stopped is over on the other side too", async () => {
  let left: () => void;
  const gone = new Promise<void>((resolve) => (left = resolve));
  const stop = new AbortController();
  await using server = await aServer((_, response) => {
    response.on("close", () => left());
    response.write(chunk("a"), () => stop.abort());
  });
  await expect(ask(server.url, stop.signal)).rejects.toThrow(/aborted/);
  await gone;
});
