import { createHash, randomBytes } from "node:crypto";
import { link, mkdir, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { closestWord } from "../core/closest-word.ts";
import { failure, type MillraceError } from "../core/errors.ts";
import { formatBytes } from "../core/format-bytes.ts";
import type { FileSum } from "./catalogue-entry.ts";
import { activeLeases } from "./lease.ts";
import type { PullableFile } from "./locate.ts";
import { isOrphaned, ownerName } from "./owner.ts";
import { hashFile, PartialFile, writeVerified, WrongContent } from "./partial-file.ts";
import type { SourceContext } from "./source.ts";
import { problemOf, SourceProblem } from "./source-problem.ts";
import { splitName } from "./split-name.ts";
import { StoredReferences, type StoredReference } from "./stored-reference.ts";

/** A model that is on this disk, whole. */
export interface StoredModel extends StoredReference {
  /** What the engine opens: the only file, or the first part. */
  readonly file: string;
  readonly bytes: number;
  /** Processes that use it now. */
  readonly usedBy: readonly number[];
}

/** What `remove` or `gc` gave back. */
export interface Freed {
  readonly bytes: number;
  /** Paths within the store. */
  readonly removed: readonly string[];
}

/** A pull renames its blob into place before its name is written down: what is this young may belong to one. */
const graceMs = 60 * 60 * 1000;

/**
 * Model files by their content, under one folder:
 *
 * - `blobs/sha256-<hex>`: whole files. One appears by rename when it is complete and its sum is right, so two processes
 *   may pull the same file: the last rename wins and both are the same bytes.
 * - `splits/<hex>/model-00001-of-0000N.gguf`: hard links to the blobs of a split model, named as llama.cpp wants them.
 * - `refs/<name>.json`: which files a name is; `partial/`: files that are not whole yet; `leases/`: who uses what.
 *
 * All paths are made of sums and of names that were checked: none leads out of the folder.
 */
export class ModelStore {
  readonly #home: string;
  readonly #references: StoredReferences;

  constructor(home: string) {
    this.#home = home;
    this.#references = new StoredReferences(home);
  }

  /** All models that are here, by name. */
  async list(): Promise<StoredModel[]> {
    const leases = await activeLeases(this.#home);
    const references = (await this.#references.all()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const models = await Promise.all(references.map((reference) => this.#stored(reference, leases)));
    return models.filter((model) => model !== undefined);
  }

  /** The model of a name; undefined = not here, or not whole. */
  async find(name: string): Promise<StoredModel | undefined> {
    const reference = await this.#references.find(name);
    return reference && (await this.#stored(reference, await activeLeases(this.#home)));
  }

  /** Whether a file with this sum is here. */
  async has(sum: FileSum): Promise<boolean> {
    const found = await stat(this.#blob(sum.sha256)).catch(() => undefined);
    return found?.isFile() === true && found.size === sum.bytes;
  }

  /** Paths of the model's files whose content is not what their sums say: the disk has lost bits, or somebody wrote to them. */
  async damagedFiles({ files }: StoredModel): Promise<string[]> {
    const damaged: string[] = [];
    for (const { sha256 } of files) {
      const hash = createHash("sha256");
      await hashFile(this.#blob(sha256), hash);
      if (hash.digest("hex") !== sha256) damaged.push(this.#blob(sha256));
    }
    return damaged;
  }

  /** Forgets a name, and removes the files that no other name needs. Throws `model_not_stored`, `model_in_use`. */
  async remove(name: string): Promise<Freed> {
    const model = await this.find(name);
    if (model === undefined) {
      const known = (await this.list()).map((stored) => stored.name);
      const near = closestWord(name, known);
      const advice = near === undefined ? "" : ` (did you mean ${near}?)`;
      throw failure("model_not_stored", { model: name, advice, stored: known.join(", ") || "nothing" });
    }
    if (model.usedBy.length > 0) throw failure("model_in_use", { model: name, processes: model.usedBy.join(", ") });
    await this.#references.remove(name);
    return await this.#removeUnneeded(
      new Set([...model.files.map(({ sha256 }) => blobName(sha256)), splitKey(model.files)]),
    );
  }

  /** Removes what no name needs: replaced files, what interrupted pulls left, damaged notes. Nothing that is in use. */
  async gc(): Promise<Freed> {
    const freed = await this.#removeUnneeded();
    const removed = [...freed.removed];
    let bytes = freed.bytes;
    for (const folder of ["partial", "tmp"]) {
      for (const name of await readdir(join(this.#home, folder)).catch(() => [])) {
        const path = join(this.#home, folder, name);
        if (!(await isOrphaned(path))) continue;
        bytes += await bytesOf(path);
        removed.push(join(folder, name));
        await rm(path, { recursive: true, force: true });
      }
    }
    return { bytes, removed };
  }

  /** A folder of its own for `work`, removed when it is over, however it ends. */
  async withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
    await this.#removeLeftovers();
    const folder = join(this.#home, "tmp", ownerName());
    try {
      await mkdir(folder, { recursive: true });
    } catch (thrown) {
      throw new SourceProblem(`the store ${this.#home} cannot be written: ${problemOf(thrown)}`, { cause: thrown });
    }
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Pulls what is missing of a file, and keeps it if it is what was expected. Throws `disk_full`, or a SourceProblem. */
  async keep(file: PullableFile, context: SourceContext): Promise<FileSum> {
    const { expected, key = randomBytes(16).toString("hex") } = file;
    const partial = await PartialFile.claim(this.#home, key);
    try {
      if ((await partial.size()) > (expected.bytes ?? Infinity))
        throw new WrongContent("what was left of it is too long");
      await this.#assertRoom((expected.bytes ?? 0) - (await partial.size()));
      const sum = await writeVerified(partial.path, await file.open(await partial.size(), context), expected);
      await mkdir(join(this.#home, "blobs"), { recursive: true });
      await rename(partial.path, this.#blob(sum.sha256));
      return sum;
    } catch (thrown) {
      // Without a key nobody would find it again.
      if (thrown instanceof WrongContent || file.key === undefined) await partial.discard();
      else await partial.release();
      throw isDiskFull(thrown) ? await this.#diskFull(undefined, thrown) : thrown;
    }
  }

  /** Writes down what a name is; its files must be here. */
  async name(reference: StoredReference): Promise<StoredModel> {
    if (reference.files.length > 1) await this.#linkParts(reference.files);
    await this.#references.set(reference);
    const model = await this.find(reference.name);
    if (model === undefined) throw new SourceProblem("its file disappeared from the store while it was pulled");
    return model;
  }

  async #stored(reference: StoredReference, leases: ReadonlyMap<string, number[]>): Promise<StoredModel | undefined> {
    for (const sum of reference.files) if (!(await this.has(sum))) return undefined;
    const key = keyOf(reference.files);
    const file = reference.files.length === 1 ? join(this.#home, "blobs", key) : this.#part(reference.files, 1);
    const bytes = reference.files.reduce((sum, part) => sum + part.bytes, 0);
    return { ...reference, file, bytes, usedBy: leases.get(key) ?? [] };
  }

  /** Of the files in question (all, when none are named) those that no name needs and nobody uses. */
  async #removeUnneeded(among?: ReadonlySet<string>): Promise<Freed> {
    const references = await this.#references.all();
    const leases = await activeLeases(this.#home);
    const needed = new Set(leases.keys());
    for (const { files } of references) {
      needed.add(splitKey(files));
      for (const { sha256 } of files) needed.add(blobName(sha256));
    }
    const removed: string[] = [];
    let bytes = 0;
    for (const folder of ["splits", "blobs"]) {
      for (const name of await readdir(join(this.#home, folder)).catch(() => [])) {
        const path = join(this.#home, folder, name);
        if (needed.has(name) || !(among?.has(name) ?? (await isOld(path)))) continue;
        if (folder === "blobs") bytes += await bytesOf(path);
        removed.push(join(folder, name));
        await rm(path, { recursive: true, force: true });
      }
    }
    return { bytes, removed };
  }

  async #linkParts(files: readonly FileSum[]): Promise<void> {
    const folder = join(this.#home, "splits", splitKey(files));
    await mkdir(folder, { recursive: true });
    for (const [i, { sha256 }] of files.entries()) {
      const path = this.#part(files, i + 1);
      await rm(path, { force: true });
      await link(this.#blob(sha256), path).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code !== "EEXIST") throw thrown; // another pull of the same model was faster
      });
    }
  }

  #part(files: readonly FileSum[], part: number): string {
    const name = splitName({ stem: "model", part, parts: files.length });
    return join(this.#home, "splits", splitKey(files), name);
  }

  #blob(sha256: string): string {
    return join(this.#home, "blobs", blobName(sha256));
  }

  async #assertRoom(needed: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#home);
    if (needed > bavail * bsize) throw await this.#diskFull(needed);
  }

  async #diskFull(needed: number | undefined, cause?: unknown): Promise<MillraceError> {
    const { bavail, bsize } = await statfs(this.#home);
    const missing = needed === undefined ? "more is needed" : `${formatBytes(needed)} are needed`;
    return failure("disk_full", { folder: this.#home, free: formatBytes(bavail * bsize), missing }, cause);
  }

  async #removeLeftovers(): Promise<void> {
    const root = join(this.#home, "tmp");
    for (const name of await readdir(root).catch(() => [])) {
      if (await isOrphaned(join(root, name))) await rm(join(root, name), { recursive: true, force: true });
    }
  }
}

function blobName(sha256: string): string {
  return `sha256-${sha256}`;
}

/** What leases and the folder of a split model go by. */
function keyOf(files: readonly FileSum[]): string {
  return files.length === 1 ? blobName(files[0]!.sha256) : splitKey(files);
}

function splitKey(files: readonly FileSum[]): string {
  return createHash("sha256")
    .update(files.map(({ sha256 }) => sha256).join("\n"))
    .digest("hex");
}

function isDiskFull(thrown: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes((thrown as NodeJS.ErrnoException | undefined)?.code ?? "");
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > graceMs;
}

async function bytesOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) return found?.size ?? 0;
  const names = await readdir(path).catch(() => []);
  const sizes = await Promise.all(names.map((name) => bytesOf(join(path, name))));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
