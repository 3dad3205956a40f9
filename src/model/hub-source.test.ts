import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import type { HubSource } from "./catalogue.ts";
import { streamFromHub } from "./hub-source.ts";
import { problemOf } from "./source-problem.ts";

const content = Buffer.alloc(300_000, "model ");
const source: HubSource = {
  kind: "hf",
  repo: "owner/model",
  path: "folder/model.gguf",
  revision: "abc123",
  bytes: content.length,
  sha256: "0".repeat(64),
};

const closing: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the hub answers: the size to a request for the first byte, else the file, as `send` likes. */
function hub(send: (response: ServerResponse) => void, size = content.length): RequestListener {
  return (request, response) => {
    if (request.headers.range === "bytes=0-0") {
      response.writeHead(206, { "content-range": `bytes 0-0/${size}`, etag: '"e"' }).end("m");
    } else {
      send(response);
    }
  };
}

const sendAll = (response: ServerResponse) => void response.writeHead(200).end(content);

const sendNothing = () => {};

interface Pulled {
  readonly bytes: Buffer;
  readonly received: readonly number[];
}

async function pull(endpoint: string, signal = new AbortController().signal): Promise<Pulled> {
  vi.stubEnv("HF_ENDPOINT", endpoint);
  const received: number[] = [];
  const context = { scratch: "unused", signal, onReceived: (bytes: number) => void received.push(bytes) };
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamFromHub(source, context, { answerMs: 300, stallMs: 300 })) chunks.push(chunk);
  return { bytes: Buffer.concat(chunks), received };
}

const problem = (endpoint: string) => pull(endpoint).then(() => "none", problemOf);

test("the file comes as it is, from the revision's address, with progress", async () => {
  const asked: (string | undefined)[] = [];
  const { bytes, received } = await pull(
    `${await serve((request, response) => {
      asked.push(request.url);
      hub(sendAll)(request, response);
    })}/`,
  );
  expect(bytes.equals(content)).toBe(true);
  expect(new Set(asked)).toEqual(new Set(["/owner/model/resolve/abc123/folder/model.gguf"]));
  expect(received.at(-1)).toBe(content.length);
});

test("the token goes to the hub and not to where a redirect leads", async () => {
  vi.stubEnv("HF_TOKEN", "hf_secret");
  const seen: Record<string, IncomingMessage["headers"]["authorization"][]> = { hub: [], store: [] };
  const store = await serve((request, response) => {
    seen["store"]!.push(request.headers.authorization);
    hub(sendAll)(request, response);
  });
  const endpoint = await serve((request, response) => {
    seen["hub"]!.push(request.headers.authorization);
    response.writeHead(302, { location: `${store}/blob` }).end();
  });
  expect((await pull(endpoint)).bytes.equals(content)).toBe(true);
  expect(seen).toEqual({ hub: ["Bearer hf_secret", "Bearer hf_secret"], store: [undefined, undefined] });
});

test("each fault is named", async () => {
  const status = (code: number, headers = {}) => serve((_, response) => void response.writeHead(code, headers).end());
  expect(await problem(await status(404))).toBe("HTTP 404: there is no such file on the hub");
  expect(await problem(await status(404, { "x-error-code": "EntryNotFound" }))).toBe(
    "there is no such file on the hub",
  );
  const gated = await status(401);
  expect(await problem(gated)).toBe(
    `HTTP 401: accept the model's licence at ${gated}/owner/model and set HF_TOKEN to a token that may read it`,
  );
  expect(await problem(await status(500))).toBe("HTTP 500");
  expect(await problem(await serve(hub(sendAll, 5)))).toBe("the file there has 5 bytes instead of 300000");
  const gone = await serve(sendNothing);
  closing.pop()!();
  expect(await problem(gone)).toBe("the connection was refused (ECONNREFUSED)");
  expect(await problem("http://hub.invalid")).toMatch(/^its address cannot be resolved \(no network\?\) \(E\w+\)$/);
});

test("silence ends: before the answer, and in the middle of the file", async () => {
  const mute = await serve(sendNothing);
  expect(await problem(mute)).toBe(`${new URL(mute).host} did not answer within 0.3 s`);
  const stalling = await serve(
    hub((response) => void response.writeHead(200, { "content-length": content.length }).write(content.subarray(0, 5))),
  );
  expect(await problem(stalling)).toBe(`${new URL(stalling).host} sent nothing within 0.3 s`);
});

test("a connection that breaks in the middle is a fault, not the end", async () => {
  const breaking = await serve(
    hub((response) => {
      response.writeHead(200, { "content-length": content.length }).write(content.subarray(0, 50_000), () => {
        setTimeout(() => response.destroy(), 50);
      });
    }),
  );
  expect(await problem(breaking)).toMatch(/broken/);
});

test("an abort ends it at once", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  await expect(pull(await serve(sendNothing), controller.signal)).rejects.toThrow(/abort/i);
});
