import type { FileHandle } from "node:fs/promises";

/** What is wrong with a model file, in words; the file's name is added where it is known. */
export class HeaderProblem extends Error {}

/** No header in use is near this (a vocabulary of 262,144 tokens takes 7 MB); what claims more is damaged or hostile. */
const maxHeaderBytes = 256 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

/**
 * Reads a file front to back in large pieces. Every length is checked against the bytes that are left before anything is
 * allocated for it, so a lying count costs nothing.
 */
export class HeaderReader {
  readonly #handle: FileHandle;
  readonly #limit: number;
  readonly #fileBytes: number;
  #buffer = Buffer.alloc(0);
  /** Next unread byte within the buffer, and the buffer's first byte within the file. */
  #at = 0;
  #start = 0;

  constructor(handle: FileHandle, fileBytes: number) {
    this.#handle = handle;
    this.#fileBytes = fileBytes;
    this.#limit = Math.min(fileBytes, maxHeaderBytes);
  }

  get position(): number {
    return this.#start + this.#at;
  }

  get remaining(): number {
    return this.#limit - this.position;
  }

  async u8(what: string): Promise<number> {
    await this.#need(1, what);
    return this.#buffer[this.#at++]!;
  }

  async u32(what: string): Promise<number> {
    const bytes = await this.bytes(4, what);
    return bytes.readUInt32LE();
  }

  /** A count or size: 64 bits in the file, refused when no file could be that long. */
  async size(what: string): Promise<number> {
    const value = (await this.bytes(8, what)).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new HeaderProblem(`${what} is ${value}: the file is damaged`);
    return Number(value);
  }

  /** `size`, followed by that many bytes of text. */
  async text(what: string): Promise<string> {
    const length = await this.size(`the length of ${what}`);
    return (await this.bytes(length, what)).toString("utf8");
  }

  /** Valid until the next read. */
  async bytes(length: number, what: string): Promise<Buffer> {
    await this.#need(length, what);
    const from = this.#at;
    this.#at += length;
    return this.#buffer.subarray(from, this.#at);
  }

  async skip(length: number, what: string): Promise<void> {
    this.#check(length, what);
    const inBuffer = Math.min(length, this.#buffer.length - this.#at);
    this.#at += inBuffer;
    if (inBuffer === length) return;
    this.#start = this.position + length - inBuffer;
    this.#buffer = Buffer.alloc(0);
    this.#at = 0;
  }

  /** Passes over `count` texts without making strings of them: a vocabulary has up to 262,144. */
  async skipTexts(count: number, what: string): Promise<void> {
    if (count > this.remaining / 8) this.#check(count * 8, what);
    for (let left = count; left > 0; left--) {
      left = this.#skipTextsInBuffer(left);
      if (left > 0) await this.skip(await this.size(`the length of ${what}`), what);
    }
  }

  /** The usual case, free of promises and BigInt: length and text lie in the buffer. Gives how many are left. */
  #skipTextsInBuffer(count: number): number {
    const bytes = this.#buffer;
    let at = this.#at;
    let left = count;
    for (; left > 0 && at + 8 <= bytes.length; left--) {
      // Lengths below 64 KiB: the six upper bytes are zero.
      const upper = bytes[at + 2]! | bytes[at + 3]! | bytes[at + 4]! | bytes[at + 5]! | bytes[at + 6]! | bytes[at + 7]!;
      const end = at + 8 + bytes[at]! + bytes[at + 1]! * 256;
      if (upper !== 0 || end > bytes.length) break;
      at = end;
    }
    this.#at = at;
    return left;
  }

  #check(length: number, what: string): void {
    if (length <= this.remaining) return;
    const end = this.position + length;
    throw new HeaderProblem(
      end > this.#fileBytes
        ? `the header ends within ${what}: it would reach byte ${end}, the file has ${this.#fileBytes}: it is damaged or truncated`
        : `the header is larger than ${maxHeaderBytes} bytes: the file is damaged`,
    );
  }

  async #need(length: number, what: string): Promise<void> {
    this.#check(length, what);
    const left = this.#buffer.length - this.#at;
    if (left >= length) return;
    const position = this.position;
    const wanted = Math.min(Math.max(length, chunkBytes), this.#limit - position);
    const buffer = Buffer.allocUnsafe(wanted);
    this.#buffer.copy(buffer, 0, this.#at);
    for (let filled = left; filled < wanted;) {
      const { bytesRead } = await this.#handle.read(buffer, filled, wanted - filled, position + filled);
      if (bytesRead === 0) throw new HeaderProblem("the file became shorter while it was read");
      filled += bytesRead;
    }
    this.#buffer = buffer;
    this.#start = position;
    this.#at = 0;
  }
}
