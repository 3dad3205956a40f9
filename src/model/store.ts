import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { FileSum } from "./catalogue.ts";
import { problemOf, SourceProblem } from "./source-problem.ts";

/** What a name stands for in this store. */
interface Reference extends FileSum {
  /** Where it came from, in words. */
  readonly source: string;
}

/** Pulls of other machines that share the folder cannot be seen to be over; they get a day. */
const foreignLeftoverMs = 24 * 60 * 60 * 1000;

/**
 * Model files by their content: `blobs/sha256-<hex>`, and `refs/<name>.json` saying which blob a name is. A blob appears
 * by rename when it is complete and its sum is right, so two processes may pull the same file: the last rename wins and
 * both are the same bytes.
 */
export class ModelStore {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  /** The file of a name, or of one of the sums that it may be; undefined = not here, or not whole. */
  async find(name: string, sums: readonly FileSum[]): Promise<string | undefined> {
    const reference = await this.#reference(name);
    for (const sum of reference === undefined ? sums : [reference, ...sums]) {
      const file = this.#blob(sum.sha256);
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile() && found.size === sum.bytes) return file;
    }
    return undefined;
  }

  /** A folder of its own for `work`, removed when it is over, however it ends. */
  async withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
    await this.#removeLeftovers();
    const folder = join(this.#home, "tmp", `${hostname()}~${process.pid}~${randomBytes(6).toString("hex")}`);
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

  /** Keeps what `chunks` bring if it is exactly `sum`; gives the file's path. `scratch` is a folder within `withScratch`'s. */
  async keep(chunks: AsyncIterable<Uint8Array>, sum: FileSum, scratch: string): Promise<string> {
    const temporary = join(scratch, "blob");
    await writeVerified(chunks, sum, temporary);
    const file = this.#blob(sum.sha256);
    await mkdir(join(this.#home, "blobs"), { recursive: true });
    await rename(temporary, file);
    return file;
  }

  async setReference(name: string, reference: Reference, scratch: string): Promise<void> {
    const temporary = join(scratch, "ref");
    const { bytes, sha256, source } = reference;
    await writeFile(temporary, `${JSON.stringify({ bytes, sha256, source }, undefined, 2)}\n`);
    await mkdir(join(this.#home, "refs"), { recursive: true });
    await rename(temporary, this.#referenceFile(name));
  }

  #blob(sha256: string): string {
    return join(this.#home, "blobs", `sha256-${sha256}`);
  }

  #referenceFile(name: string): string {
    return join(this.#home, "refs", `${name}.json`);
  }

  /** A reference that cannot be read is as good as none: the blob is found by the catalogue's sum, or pulled again. */
  async #reference(name: string): Promise<FileSum | undefined> {
    try {
      const { bytes, sha256 } = JSON.parse(await readFile(this.#referenceFile(name), "utf8")) as Partial<Reference>;
      return typeof bytes === "number" && /^[0-9a-f]{64}$/.test(sha256 ?? "") ? { bytes, sha256: sha256! } : undefined;
    } catch {
      return undefined;
    }
  }

  async #removeLeftovers(): Promise<void> {
    const root = join(this.#home, "tmp");
    for (const name of await readdir(root).catch(() => [])) {
      const folder = join(root, name);
      const [host, pid] = name.split("~");
      const over = host === hostname() ? !isRunning(Number(pid)) : await olderThan(folder, foreignLeftoverMs);
      if (over) await rm(folder, { recursive: true, force: true });
    }
  }
}

async function writeVerified(chunks: AsyncIterable<Uint8Array>, sum: FileSum, file: string): Promise<void> {
  const handle = await open(file, "wx");
  try {
    const hash = createHash("sha256");
    let received = 0;
    for await (const chunk of chunks) {
      received += chunk.length;
      if (received > sum.bytes) throw new SourceProblem(`it sends more than the ${sum.bytes} bytes that are expected`);
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    if (received < sum.bytes) throw new SourceProblem(`it ended after ${received} of ${sum.bytes} bytes`);
    const sha256 = hash.digest("hex");
    if (sha256 !== sum.sha256) throw new SourceProblem(`wrong sha256: ${sha256} instead of ${sum.sha256}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function olderThan(path: string, ms: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ms;
}
