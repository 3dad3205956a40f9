import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { leaseModel } from "./lease.ts";
import type { PullableFile } from "./locate.ts";
import { ModelStore } from "./store.ts";
import { buildGguf } from "./testing.ts";

let home: string;
let store: ModelStore;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "millrace-store-"));
  store = new ModelStore(home);
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

/** A model that differs from others by its name only. */
function bytesOf(name: string): Buffer {
  return Buffer.concat([buildGguf(), Buffer.from(name)]);
}

function pullable(bytes: Buffer): PullableFile {
  const chunks = (async function* () {
    yield bytes;
  })();
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    expected: { bytes: bytes.length, sha256 },
    key: sha256,
    resumable: true,
    open: () => Promise.resolve({ from: 0, chunks }),
  };
}

async function keep(content: string) {
  const context = { scratch: "", signal: new AbortController().signal, onReceived: () => {} };
  return await store.keep(pullable(bytesOf(content)), context);
}

async function add(name: string, content = name) {
  return await store.name({ name, id: name, source: "a test", files: [await keep(content)] });
}

const names = async () => (await store.list()).map(({ name }) => name);
const blobs = async () => (await readdir(join(home, "blobs"))).length;

test("names are listed with their sizes; a file that two names share stays until both are gone", async () => {
  await add("b", "same");
  await add("hf:owner/repo/f.gguf@main", "same");
  const { bytes } = await add("a");
  expect(await names()).toEqual(["a", "b", "hf:owner/repo/f.gguf@main"]);
  expect(await blobs()).toBe(2);
  expect(await store.remove("b")).toEqual({ bytes: 0, removed: [] });
  expect(await store.remove("a")).toEqual({ bytes, removed: [expect.stringMatching(/^blobs.sha256-/)] });
  expect((await store.remove("hf:owner/repo/f.gguf@main")).bytes).toBeGreaterThan(0);
  expect([await names(), await blobs()]).toEqual([[], 0]);
});

test("a name that is not here is refused with the one that was probably meant", async () => {
  await expect(store.remove("a")).rejects.toThrow("model 'a' is not in the store; stored: nothing");
  await add("gemma-3-270m");
  const thrown: unknown = await store.remove("gemma3-270m").catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(MillraceError);
  expect((thrown as MillraceError).message).toBe(
    "model 'gemma3-270m' is not in the store (did you mean gemma-3-270m?); stored: gemma-3-270m",
  );
});

test("what climbs is only ever a name", async () => {
  await writeFile(join(home, "outside.json"), "{}");
  for (const name of ["../outside", "..", "/etc/passwd", "a/../../b", "\0", "x".repeat(5000)]) {
    await add(name);
    expect(await names()).toEqual([name]);
    await store.remove(name);
    await expect(store.remove(name)).rejects.toMatchObject({ code: "model_not_stored" });
  }
  expect((await readdir(home)).toSorted()).toEqual(["blobs", "outside.json", "partial", "refs"]);
});

test("a model in use is not removed, whoever uses it, until that process ends", async () => {
  const { file } = await add("a");
  await mkdir(join(home, "leases"), { recursive: true });
  const key = file.replace(/^.*(sha256-)/, "$1");
  const lease = (owner: string) => writeFile(join(home, "leases", `${key}~${owner}`), "");
  const mine = leaseModel(home, file);
  expect(await store.find("a")).toMatchObject({ usedBy: [process.pid] });
  await expect(store.remove("a")).rejects.toThrow(`model 'a' is in use by process ${process.pid}; stop it first`);
  await store.name({ name: "a", id: "a", source: "a test", files: [await keep("b")] });
  await old(file);
  expect(await store.gc()).toEqual({ bytes: 0, removed: [] });
  await add("a");
  mine[Symbol.dispose]();
  await lease(`${hostname()}~${process.ppid}~aa`);
  await expect(store.remove("a")).rejects.toMatchObject({ code: "model_in_use" });
  await rm(join(home, "leases"), { recursive: true });
  await mkdir(join(home, "leases"));
  await lease("another-machine~1~bb");
  await expect(store.remove("a")).rejects.toMatchObject({ code: "model_in_use" });
  await old(join(home, "leases", `${key}~another-machine~1~bb`));
  await lease(`${hostname()}~2147483646~cc`);
  expect((await store.remove("a")).removed).toHaveLength(1);
  expect(await readdir(join(home, "leases"))).toEqual([]);
});

test("a lease on a file elsewhere, or in a store that cannot be written, does no harm", async () => {
  leaseModel(home, "/models/m.gguf")[Symbol.dispose]();
  await writeFile(join(home, "leases"), "a file");
  leaseModel(home, join(home, "blobs", "sha256-0"))[Symbol.dispose]();
  expect(await store.list()).toEqual([]);
});

test("gc removes what no name needs and nothing else", async () => {
  const kept = await add("kept");
  const replaced = await add("name", "old");
  await add("name", "new");
  const partial = join(home, "partial");
  const alive = `aa~${hostname()}~${process.ppid}~1`;
  const dead = `bb~${hostname()}~2147483646~1`;
  for (const name of [alive, dead]) await writeFile(join(partial, name), "12345");
  await mkdir(join(home, "tmp", `${hostname()}~2147483646~2`, "0"), { recursive: true });
  await writeFile(join(home, "tmp", `${hostname()}~2147483646~2`, "0", "archive"), "1234567");

  // A blob is there before its name is: a young one may belong to a pull that is not over.
  const first = await store.gc();
  expect(first.bytes).toBe(12);
  expect(first.removed.toSorted()).toEqual([join("partial", dead), join("tmp", `${hostname()}~2147483646~2`)]);
  await old(replaced.file);
  await old(kept.file);
  expect(await store.gc()).toMatchObject({ bytes: replaced.bytes, removed: [expect.stringMatching(/^blobs/)] });
  expect(await names()).toEqual(["kept", "name"]);
  expect(await readdir(partial)).toEqual([alive]);
  expect((await stat(kept.file)).size).toBe(kept.bytes);
});

async function old(path: string): Promise<void> {
  await utimes(path, 0, 0);
}

test("a file whose content has changed is found by its sum", async () => {
  await add("sound");
  const { files } = await add("spoilt");
  const models = await store.list();
  expect(await Promise.all(models.map((model) => store.damagedFiles(model)))).toEqual([[], []]);
  const path = join(home, "blobs", `sha256-${files[0]!.sha256}`);
  const bytes = await readFile(path);
  bytes[bytes.length - 20]! ^= 1; // one bit of a tensor
  await writeFile(path, bytes);
  expect(await Promise.all(models.map((model) => store.damagedFiles(model)))).toEqual([[], [path]]);
});
