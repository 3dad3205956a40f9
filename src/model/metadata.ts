import { HeaderProblem, type HeaderReader } from "./header-reader.ts";

/** A metadata value as far as facts need it: numbers are exact or `undefined`-free doubles, long things are only counted. */
type MetadataValue =
  | string
  | number
  | boolean
  | readonly (number | boolean)[]
  /** An array of texts, or one too long to keep: its length. */
  | { readonly count: number }
  /** A text too long to keep: its bytes. */
  | { readonly bytes: number };

export type Metadata = ReadonlyMap<string, MetadataValue>;

/** Value types of GGUF: bytes of one, and how it is read. */
const scalars: ReadonlyMap<number, { bytes: number; read: (at: Buffer) => number | boolean }> = new Map([
  [0, { bytes: 1, read: (b: Buffer) => b.readUInt8() }],
  [1, { bytes: 1, read: (b: Buffer) => b.readInt8() }],
  [2, { bytes: 2, read: (b: Buffer) => b.readUInt16LE() }],
  [3, { bytes: 2, read: (b: Buffer) => b.readInt16LE() }],
  [4, { bytes: 4, read: (b: Buffer) => b.readUInt32LE() }],
  [5, { bytes: 4, read: (b: Buffer) => b.readInt32LE() }],
  [6, { bytes: 4, read: (b: Buffer) => b.readFloatLE() }],
  [7, { bytes: 1, read: (b: Buffer) => b.readUInt8() !== 0 }],
  [10, { bytes: 8, read: (b: Buffer) => Number(b.readBigUInt64LE()) }],
  [11, { bytes: 8, read: (b: Buffer) => Number(b.readBigInt64LE()) }],
  [12, { bytes: 8, read: (b: Buffer) => b.readDoubleLE() }],
]);
const textType = 8;
const arrayType = 9;

const maxKeyBytes = 65_535;
const maxTextBytes = 1024 * 1024;
/** Per-layer values are kept; no model has more layers. */
const maxKeptItems = 1024;
/** Key length, one byte of key, value type, one byte of value. */
const minEntryBytes = 14;

export async function readMetadata(reader: HeaderReader, count: number): Promise<Metadata> {
  if (count > reader.remaining / minEntryBytes) {
    throw new HeaderProblem(`it claims ${count} metadata entries, more than the file can hold: it is damaged`);
  }
  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < count; i++) {
    const length = await reader.size(`the length of metadata key ${i}`);
    if (length === 0 || length > maxKeyBytes) {
      throw new HeaderProblem(`metadata key ${i} has ${length} bytes; 1 to ${maxKeyBytes} are possible: it is damaged`);
    }
    const key = (await reader.bytes(length, `metadata key ${i}`)).toString("utf8");
    if (metadata.has(key)) throw new HeaderProblem(`metadata key '${printable(key)}' occurs twice`);
    metadata.set(key, await readValue(reader, key));
  }
  return metadata;
}

async function readValue(reader: HeaderReader, key: string): Promise<MetadataValue> {
  const what = `the value of '${printable(key)}'`;
  const type = await reader.u32(what);
  if (type === textType) return await readText(reader, what);
  if (type === arrayType) return await readArray(reader, what);
  const scalar = scalars.get(type);
  if (scalar === undefined) throw new HeaderProblem(`${what} has the unknown type ${type}`);
  return scalar.read(await reader.bytes(scalar.bytes, what));
}

async function readText(reader: HeaderReader, what: string): Promise<MetadataValue> {
  const bytes = await reader.size(`the length of ${what}`);
  if (bytes <= maxTextBytes) return (await reader.bytes(bytes, what)).toString("utf8");
  await reader.skip(bytes, what);
  return { bytes };
}

async function readArray(reader: HeaderReader, what: string): Promise<MetadataValue> {
  const type = await reader.u32(what);
  const count = await reader.size(`the count of ${what}`);
  if (type === textType) {
    await reader.skipTexts(count, what);
    return { count };
  }
  if (type === arrayType) throw new HeaderProblem(`${what} is an array of arrays, which llama.cpp cannot read`);
  const scalar = scalars.get(type);
  if (scalar === undefined) throw new HeaderProblem(`${what} is an array of the unknown type ${type}`);
  if (count > maxKeptItems) {
    await reader.skip(count * scalar.bytes, what);
    return { count };
  }
  const bytes = await reader.bytes(count * scalar.bytes, what);
  return Array.from({ length: count }, (_, i) => scalar.read(bytes.subarray(i * scalar.bytes)));
}

/** Names come from the file: shown without control characters and not at any length. */
export function printable(text: string): string {
  const clean = text.replaceAll(/\p{C}/gu, "?");
  return clean.length > 80 ? `${clean.slice(0, 80)}…` : clean;
}
