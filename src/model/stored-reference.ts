import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FileSum } from "./catalogue-entry.ts";
import { ownerName } from "./owner.ts";

/** What a name stands for in a store. */
export interface StoredReference {
  /** A catalogue's name, or the reference that was pulled. */
  readonly name: string;
  /** What the model is called in the API. */
  readonly id: string;
  /** Where it came from, in words. */
  readonly source: string;
  /** One, or the parts of a split model in order. */
  readonly files: readonly FileSum[];
}

/** The folder `refs/` of a store: one small file for each name. What cannot be read is as good as not there. */
export class StoredReferences {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(home, "refs");
  }

  async all(): Promise<StoredReference[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const read = await Promise.all(names.filter((name) => name.endsWith(".json")).map((name) => this.#read(name)));
    return read.filter((reference) => reference !== undefined);
  }

  async find(name: string): Promise<StoredReference | undefined> {
    const found = await this.#read(fileName(name));
    return found?.name === name ? found : undefined;
  }

  async set({ name, id, source, files }: StoredReference): Promise<void> {
    const sums = files.map(({ bytes, sha256 }) => ({ bytes, sha256 }));
    const temporary = join(this.#folder, `${ownerName()}.new`);
    await mkdir(this.#folder, { recursive: true });
    await writeFile(temporary, `${JSON.stringify({ name, id, source, files: sums }, undefined, 2)}\n`);
    await rename(temporary, join(this.#folder, fileName(name)));
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, fileName(name)), { force: true });
  }

  async #read(file: string): Promise<StoredReference | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(join(this.#folder, basename(file)), "utf8"));
      return isReference(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A plain name as it is; anything else (it may hold slashes, or be longer than a file's name) by its sum. */
function fileName(name: string): string {
  const plain = /^[a-z0-9][a-z0-9._-]{0,80}$/.test(name);
  return `${plain ? name : `~${createHash("sha256").update(name).digest("hex")}`}.json`;
}

/** The sums become paths: nothing but hexadecimal digits may pass. */
function isReference(value: unknown): value is StoredReference {
  const { name, id, source, files } = (value ?? {}) as Partial<StoredReference>;
  const texts = [name, id, source].every((text) => typeof text === "string");
  return texts && Array.isArray(files) && files.length > 0 && files.every(isSum);
}

function isSum(value: unknown): value is FileSum {
  const { bytes, sha256 } = (value ?? {}) as Partial<FileSum>;
  return Number.isSafeInteger(bytes) && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
}
