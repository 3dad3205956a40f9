import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FileSum, ModelSource } from "./catalogue-entry.ts";
import { openWebFile } from "./http-source.ts";
import { writeVerified } from "./partial-file.ts";
import { resolveEntry, resolveModel, type ResolvedModel } from "./resolve-model.ts";
import { problemOf } from "./source-problem.ts";
import { ModelStore } from "./store.ts";
import { buildGguf, splitGguf, tinyTensors } from "./testing.ts";

const model = buildGguf({ tensors: [...tinyTensors, { name: "output.weight", dimensions: [32, 20_000] }] });
const sumOf = (bytes: Uint8Array): FileSum => ({
  bytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex"),
});

let folder: string;
let home: string;
const closing: (() => void)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-pull-"));
  home = join(folder, "home");
  vi.stubEnv("HF_TOKEN", "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
  await rm(folder, { recursive: true });
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface FileServer {
  readonly files: Readonly<Record<string, Buffer>>;
  readonly ranges?: boolean;
  readonly etag?: string;
  /** Breaks the connection after so many bytes of each answer. */
  readonly breakAfter?: number;
}

/** Sends files as a careful server does; `asked` tells what it was asked for. */
function fileServer({ files, ranges = true, etag, breakAfter }: FileServer, asked: string[] = []): RequestListener {
  return (request, response) => {
    const content = files[decodeURIComponent(request.url!)];
    const { range, "if-range": condition } = request.headers;
    asked.push(range ?? "all");
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const usable = ranges && range !== undefined && (condition === undefined || condition === etag);
    const [, from = "0", to = ""] = usable ? /^bytes=(\d+)-(\d*)$/.exec(range)! : [];
    const end = to === "" ? content.length : Number(to) + 1;
    const body = content.subarray(Number(from), end);
    const headers: Record<string, string | number> = { "content-length": body.length, ...(etag ? { etag } : {}) };
    if (usable) headers["content-range"] = `bytes ${from}-${end - 1}/${content.length}`;
    response.writeHead(usable ? 206 : 200, headers);
    if (breakAfter === undefined || body.length <= breakAfter) response.end(body);
    else response.write(body.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 20));
  };
}

/** The hub: lists `files` of the repository owner/model, and sends them. */
function hub(files: Readonly<Record<string, Buffer>>, send?: RequestListener): RequestListener {
  const paths = Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [`/owner/model/resolve/main/${path}`, bytes]),
  );
  const sender = send ?? fileServer({ files: paths });
  return (request, response) => {
    if (!request.url!.startsWith("/api/models/owner/model/tree/main")) {
      sender(request, response);
      return;
    }
    const tree = Object.entries(files).map(([path, bytes]) => ({
      type: "file",
      path,
      size: bytes.length,
      oid: "1",
      lfs: { oid: sumOf(bytes).sha256, size: bytes.length, pointerSize: 1 },
    }));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(tree));
  };
}

const problem = (attempt: Promise<unknown>) =>
  attempt.then(
    () => "none",
    (thrown: unknown) => problemOf(thrown).replace(/^cannot get model '[^']*': [^ ]*: /, ""),
  );

async function content({ file }: ResolvedModel): Promise<boolean> {
  return (await readFile(file)).equals(model);
}

const pinned = (change: Partial<FileSum> = {}) => {
  const source: ModelSource = { kind: "hf", repo: "owner/model", path: "m.gguf", revision: "main", ...sumOf(model) };
  return { name: "m", id: "m", sources: [{ ...source, ...change }] as const };
};
const onHub = "/owner/model/resolve/main/m.gguf";

test("a connection that breaks again and again is taken up where it broke", async () => {
  const asked: string[] = [];
  vi.stubEnv("HF_ENDPOINT", await listen(fileServer({ files: { [onHub]: model }, breakAfter: 1_000_000 }, asked)));
  const seen: number[] = [];
  const pulled = await resolveEntry(pinned(), { home, onProgress: ({ received }) => void seen.push(received) });
  expect(await content(pulled)).toBe(true);
  expect(asked[0]).toBe("all");
  expect(asked.length).toBeGreaterThan(2);
  expect(asked.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range))).toBe(true);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(seen.at(-1)).toBe(model.length);
});

test("a pull that was stopped is gone on with by the next, in another process too", async () => {
  const asked: string[] = [];
  const files = { [onHub]: model };
  const stalling = await listen((_request, response) => {
    response.writeHead(200, { "content-length": model.length }).write(model.subarray(0, 500_000));
  });
  vi.stubEnv("HF_ENDPOINT", stalling);
  const controller = new AbortController();
  const reason = new Error("stop");
  const onProgress = () => void setTimeout(() => controller.abort(reason), 50);
  await expect(resolveEntry(pinned(), { home, signal: controller.signal, onProgress })).rejects.toBe(reason);
  expect((await readdir(join(home, "partial"))).length).toBe(1);
  expect(await readdir(join(home, "tmp"))).toEqual([]);
  vi.stubEnv("HF_ENDPOINT", await listen(fileServer({ files }, asked)));
  expect(await content(await resolveEntry(pinned(), { home }))).toBe(true);
  expect(asked).toEqual(["bytes=500000-"]);
  expect(await readdir(join(home, "partial"))).toEqual([]);
});

test("what is whole but was not renamed yet needs no network; what is too long is begun again", async () => {
  const { sha256 } = sumOf(model);
  const dead = `${sha256}~nowhere~0~aa`;
  const store = new ModelStore(home);
  await store.withScratch(async () => {});
  await mkdir(join(home, "partial"));
  const leave = async (bytes: Buffer) => {
    await writeFile(join(home, "partial", dead), bytes);
    await utimes(join(home, "partial", dead), 0, 0); // of another machine, and old
  };
  await leave(model);
  vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
  expect(await content(await resolveEntry(pinned(), { home }))).toBe(true);
  await store.remove("m");
  await leave(Buffer.concat([model, model]));
  expect(await problem(resolveEntry(pinned(), { home }))).toBe("what was left of it is too long");
  expect(await readdir(join(home, "partial"))).toEqual([]);
});

test("a server without ranges sends it again from the beginning", async () => {
  const asked: string[] = [];
  const server = await listen(fileServer({ files: { "/m.gguf": model }, ranges: false }, asked));
  const file = { url: `${server}/m.gguf`, bytes: model.length };
  const context = { scratch: "", signal: new AbortController().signal, onReceived: () => {} };
  const path = join(folder, "partial");
  await writeFile(path, "GGUF and something else");
  const stream = await openWebFile(file, 10, context);
  expect(stream.from).toBe(0);
  expect(await writeVerified(path, stream, sumOf(model))).toEqual(sumOf(model));
  expect(asked).toEqual(["bytes=10-"]);
});

test("an address: the file that the server says is the same is gone on with, a changed one is begun again", async () => {
  const other = buildGguf({ tensors: [...tinyTensors, { name: "output.weight", dimensions: [32, 30_000] }] });
  const asked: string[] = [];
  let answer = fileServer({ files: { "/My Model.gguf": model }, etag: '"1"', breakAfter: 300_000 }, asked);
  const server = await listen((request, response) => answer(request, response));
  const url = `${server}/My%20Model.gguf`;
  const controller = new AbortController();
  const onProgress = () => void setTimeout(() => controller.abort(), 30);
  await expect(resolveModel(url, { home, signal: controller.signal, onProgress })).rejects.toThrow(/abort/);
  const begun = asked.length;
  answer = fileServer({ files: { "/My Model.gguf": model }, etag: '"1"' }, asked);
  const pulled = await resolveModel(url, { home });
  expect(await content(pulled)).toBe(true);
  expect(pulled.id).toBe("My Model");
  expect(asked.slice(begun)).toEqual(["bytes=0-0", expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  await new ModelStore(home).remove(url);
  answer = fileServer({ files: { "/My Model.gguf": other }, etag: '"2"' }, asked);
  expect((await readFile((await resolveModel(url, { home })).file)).equals(other)).toBe(true);
  answer = (_request, response) => void response.writeHead(500).end();
  expect((await resolveModel(url, { home })).id).toBe("My Model");
});

test("what is no model is refused at its first bytes, and a missing one is named", async () => {
  const page = Buffer.alloc(100_000, "<html>");
  const server = await listen(fileServer({ files: { "/m.gguf": page } }));
  expect(await problem(resolveModel(`${server}/m.gguf`, { home }))).toBe("what it sends is not a GGUF file");
  expect(await problem(resolveModel(`${server}/none.gguf`, { home }))).toBe("HTTP 404: there is no such file");
});

test("a signature in an address decides what is meant, and is never shown", async () => {
  const server = await listen((_request, response) => void response.writeHead(403).end());
  const said = await resolveModel(`${server}/m.gguf?token=secret`, { home }).catch(String);
  expect(said).toContain(`${server}/m.gguf`);
  expect(said).not.toContain("secret");
});

test("hf: by number format, and offline ever after", async () => {
  const files = { "M-Q4_K_M.gguf": model, "M-Q8_0.gguf": Buffer.from("GGUF"), "README.md": Buffer.from("x") };
  vi.stubEnv("HF_ENDPOINT", `${await listen(hub(files))}/`);
  const pulled = await resolveModel("hf:owner/model:Q4_K_M", { home });
  expect(pulled.id).toBe("M-Q4_K_M");
  expect(await content(pulled)).toBe(true);
  closing.pop()!();
  expect((await resolveModel("hf:owner/model:Q4_K_M", { home, offline: true })).file).toBe(pulled.file);
  expect(await new ModelStore(home).list()).toEqual([
    expect.objectContaining({ name: "hf:owner/model:Q4_K_M", id: "M-Q4_K_M", bytes: model.length, usedBy: [] }),
  ]);
  expect(await problem(resolveModel("hf:owner/model:Q8_0", { home }))).toMatch(/refused/);
});

test("a split model comes whole, part by part, and is one model", async () => {
  const parts = await splitGguf(model, 3);
  const files = Object.fromEntries(parts.map((bytes, i) => [`d/M-Q4_0-0000${i + 1}-of-00003.gguf`, bytes]));
  let broken = true;
  const sent: string[] = [];
  const paths = Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [`/owner/model/resolve/main/${path}`, bytes]),
  );
  const send: RequestListener = (request, response) => {
    sent.push(request.url!.replace(/^.*-(\d+)-of.*$/, "$1"));
    if (broken && request.url!.includes("00002")) response.writeHead(500).end();
    else fileServer({ files: paths })(request, response);
  };
  vi.stubEnv("HF_ENDPOINT", await listen(hub(files, send)));
  expect(await problem(resolveModel("hf:owner/model", { home }))).toBe("HTTP 500");
  broken = false;
  const pulled = await resolveModel("hf:owner/model", { home });
  expect(sent).toEqual(["00001", "00002", "00002", "00003"]);
  expect(pulled).toMatchObject({
    id: "M-Q4_0",
    header: { fileBytes: parts.reduce((sum, { length }) => sum + length, 0) },
  });
  expect(pulled.header.tensors.map(({ name }) => name)).toContain("output.weight");
  expect(pulled.file).toMatch(/[/\\]splits[/\\][0-9a-f]{64}[/\\]model-00001-of-00003\.gguf$/);
  const second = pulled.file.replace("00001-of", "00002-of");
  await expect(resolveModel(second, { home })).rejects.toThrow("it is part 2 of 3 of a model; give the first");
  const store = new ModelStore(home);
  expect((await store.remove("hf:owner/model")).bytes).toBe(pulled.header.fileBytes);
  expect([...(await readdir(join(home, "blobs"))), ...(await readdir(join(home, "splits")))]).toEqual([]);
});

test("the token goes to the hub and not to where a redirect leads", async () => {
  vi.stubEnv("HF_TOKEN", "hf_secret");
  const seen: Record<string, IncomingMessage["headers"]["authorization"][]> = { hub: [], store: [] };
  const files = { "m.gguf": model };
  const elsewhere = await listen((request, response) => {
    seen["store"]!.push(request.headers.authorization);
    fileServer({ files: { "/blob": model } })(request, response);
  });
  const listing = hub(
    files,
    (_request, response) => void response.writeHead(302, { location: `${elsewhere}/blob` }).end(),
  );
  const endpoint = await listen((request, response) => {
    seen["hub"]!.push(request.headers.authorization);
    listing(request, response);
  });
  vi.stubEnv("HF_ENDPOINT", endpoint);
  expect(await content(await resolveModel("hf:owner/model/m.gguf", { home }))).toBe(true);
  expect(seen).toEqual({ hub: ["Bearer hf_secret", "Bearer hf_secret"], store: [undefined] });
});

test("each fault of the hub is named, with what to do", async () => {
  const answering = async (status: number, code?: string) => {
    const url = await listen((_request, response) => {
      response.writeHead(status, code === undefined ? {} : { "x-error-code": code }).end();
    });
    vi.stubEnv("HF_ENDPOINT", url);
    return [
      await problem(resolveModel("hf:owner/model:Q4_0", { home })),
      await problem(resolveEntry(pinned(), { home })),
      url,
    ];
  };
  const [gatedList, gatedFile, gated] = await answering(401, "GatedRepo");
  expect(gatedFile).toBe(gatedList);
  expect(gatedFile).toBe(
    `HTTP 401: accept the model's licence at ${gated}/owner/model and set HF_TOKEN to a token that may read it (${gated}/settings/tokens)`,
  );
  expect((await answering(401))[1]).toMatch(
    /^HTTP 401: there is no such model, or it is not open to everyone: accept /,
  );
  expect((await answering(404, "EntryNotFound"))[1]).toBe("HTTP 404: there is no such file on the hub");
  expect((await answering(404, "RevisionNotFound"))[0]).toBe("HTTP 404: there is no such revision on the hub");
  expect((await answering(404))[0]).toMatch(/^HTTP 404: there is no such model or file on the hub: look at http/);
  expect((await answering(503))[0]).toBe("HTTP 503");
  vi.stubEnv("HF_TOKEN", "hf_x");
  expect((await answering(403))[1]).toMatch(
    /^HTTP 403: the token in HF_TOKEN may not read it: accept the model's licence at /,
  );
});

test("a size or a part that is not the expected one, and silence", async () => {
  const sendSize = await listen(fileServer({ files: { [onHub]: model.subarray(1) } }));
  vi.stubEnv("HF_ENDPOINT", sendSize);
  expect(await problem(resolveEntry(pinned(), { home }))).toMatch(/^the file there has \d+ bytes instead of \d+$/);
  const context = { scratch: "", signal: new AbortController().signal, onReceived: () => {} };
  const wrong = await listen((_request, response) => {
    response.writeHead(206, { "content-range": `bytes 0-9/${model.length}` }).end(model.subarray(0, 10));
  });
  expect(await problem(openWebFile({ url: wrong }, 5, context))).toMatch(/^the server sent another part of the file/);
  const patience = { answerMs: 100, stallMs: 100 };
  const mute = await listen(() => {});
  expect(await problem(openWebFile({ url: mute, patience }, 0, context))).toBe(
    `${new URL(mute).host} did not answer within 0.1 s`,
  );
  const stalling = await listen((_request, response: ServerResponse) => {
    response.writeHead(200, { "content-length": 1000 }).write("GGUF");
  });
  const stream = await openWebFile({ url: stalling, patience }, 0, context);
  await writeFile(join(folder, "p"), "");
  expect(await problem(writeVerified(join(folder, "p"), stream, {}))).toBe(
    `${new URL(stalling).host} sent nothing within 0.1 s`,
  );
});

test("a full disk is told with the numbers, before the first byte where the size is known", async () => {
  vi.stubEnv("HF_ENDPOINT", await listen(fileServer({ files: { [onHub]: model } })));
  const enormous = pinned({ bytes: 2 ** 52 });
  await expect(resolveEntry(enormous, { home })).rejects.toThrow(
    /^the disk of .*home is full: 4096 TiB are needed and [\d.]+ [KMGT]iB are free; /,
  );
  if (process.platform !== "linux") return;
  await symlink("/dev/full", join(folder, "full"));
  const chunks = (async function* () {
    yield model;
  })();
  await expect(writeVerified(join(folder, "full"), { from: 0, chunks }, {})).rejects.toMatchObject({ code: "ENOSPC" });
});
