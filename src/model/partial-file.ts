import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { FileSum } from "./catalogue-entry.ts";
import { isOrphaned, nobody, ownerName } from "./owner.ts";
import type { SourceStream } from "./source.ts";
import { SourceProblem } from "./source-problem.ts";

/**
 * The beginning of a file that is being pulled: `partial/<key>~<owner>`. Whoever goes on with one that nobody writes to
 * takes it over by renaming it, which only one can; so two processes never write to the same file.
 */
export class PartialFile {
  readonly path: string;
  readonly #free: string;

  private constructor(path: string, free: string) {
    this.path = path;
    this.#free = free;
  }

  /** `key` names the content: equal keys, equal bytes. */
  static async claim(home: string, key: string): Promise<PartialFile> {
    const folder = join(home, "partial");
    await mkdir(folder, { recursive: true });
    const partial = new PartialFile(join(folder, `${key}~${ownerName()}`), join(folder, `${key}~${nobody()}`));
    for (const path of await longestFirst(folder, key)) {
      if (!(await isOrphaned(path))) continue;
      try {
        await rename(path, partial.path);
        return partial;
      } catch {
        // another pull was faster
      }
    }
    const handle = await open(partial.path, "wx");
    await handle.close();
    return partial;
  }

  async size(): Promise<number> {
    return (await stat(this.path)).size;
  }

  /** Leaves what there is to a later pull. */
  async release(): Promise<void> {
    if ((await this.size().catch(() => 0)) > 0) await rename(this.path, this.#free);
    else await this.discard();
  }

  async discard(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

async function longestFirst(folder: string, key: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${key}~`));
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return {
        path,
        bytes: await stat(path).then(
          (found) => (found.isFile() ? found.size : -1),
          () => -1,
        ),
      };
    }),
  );
  return files
    .filter(({ bytes }) => bytes >= 0)
    .toSorted((a, b) => b.bytes - a.bytes)
    .map(({ path }) => path);
}

/** The file is not what it should be: nothing of it is worth keeping. */
export class WrongContent extends SourceProblem {}

/**
 * Makes the file at `path` the whole of what `stream` brings, keeping the bytes before `stream.from`, and gives its sum.
 * Throws a WrongContent when that is not what was expected.
 */
export async function writeVerified(path: string, stream: SourceStream, expected: Partial<FileSum>): Promise<FileSum> {
  const handle = await open(path, "r+");
  try {
    if ((await handle.stat()).size > stream.from) await handle.truncate(stream.from);
    const hash = createHash("sha256");
    if (stream.from > 0) await hashFile(path, hash);
    const received = await append(handle, stream, { hash, most: expected.bytes ?? Infinity });
    if (received < (expected.bytes ?? 0)) {
      throw new SourceProblem(`it ended after ${received} of ${expected.bytes} bytes`);
    }
    const sha256 = hash.digest("hex");
    if (sha256 !== (expected.sha256 ?? sha256)) {
      throw new WrongContent(`wrong sha256: ${sha256} instead of ${expected.sha256}`);
    }
    await handle.utimes(new Date(), new Date()); // it may have lain here for long
    await handle.sync();
    return { bytes: received, sha256 };
  } finally {
    await handle.close();
  }
}

async function append(
  handle: FileHandle,
  { from, chunks }: SourceStream,
  { hash, most }: { hash: Hash; most: number },
): Promise<number> {
  let received = from;
  for await (const chunk of chunks) {
    if (received === 0 && !startsLikeGguf(chunk)) throw new WrongContent("what it sends is not a GGUF file");
    if (received + chunk.length > most) {
      throw new WrongContent(`it sends more than the ${most} bytes that are expected`);
    }
    hash.update(chunk);
    for (let written = 0; written < chunk.length;) {
      written += (await handle.write(chunk, written, chunk.length - written, received + written)).bytesWritten;
    }
    received += chunk.length;
  }
  return received;
}

/** Only the first bytes are looked at: a page that asks to sign in is no model. Pieces are never shorter than this. */
function startsLikeGguf(chunk: Uint8Array): boolean {
  const magic = Buffer.from("GGUF");
  return magic.subarray(0, chunk.length).equals(chunk.subarray(0, magic.length));
}

/** Feeds all bytes of the file to the hash. */
export async function hashFile(path: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
}
