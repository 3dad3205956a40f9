import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { SourceProblem } from "./source-problem.ts";

const blockBytes = 512;

/** The bytes of one regular file of a gzipped tar archive (an npm package is one). */
export async function* readTarMember(archive: string, member: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(archive, { highWaterMark: 256 * 1024 });
  const unzipped = createGunzip();
  file.on("error", (error) => unzipped.destroy(error)).pipe(unzipped);
  try {
    const blocks = new Blocks(unzipped);
    for (let header = await blocks.take(blockBytes); header[0] !== 0; header = await blocks.take(blockBytes)) {
      const size = octal(header.subarray(124, 136));
      const padded = Math.ceil(size / blockBytes) * blockBytes;
      if (nameOf(header) === member) {
        yield* blocks.stream(size);
        return;
      }
      for await (const _ of blocks.stream(padded));
    }
    throw new SourceProblem(`the package has no member ${member}`);
  } finally {
    file.destroy();
    unzipped.destroy();
  }
}

function nameOf(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const prefix = text(header.subarray(345, 500));
  return prefix === "" ? name : `${prefix}/${name}`;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? field.length : end);
}

function octal(field: Buffer): number {
  const value = Number.parseInt(text(field).trim(), 8);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new SourceProblem("the package is not a tar archive that can be read");
}

/** A stream of chunks of any size, taken in pieces of a given size. */
class Blocks {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.stream(bytes)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  async *stream(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) throw new SourceProblem("the package ends too early");
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}
