import { createHash } from "node:crypto";
import { Connection, defaultPatience, type Patience } from "./connection.ts";
import type { SourceContext, SourceStream } from "./source.ts";
import { SourceProblem } from "./source-problem.ts";

/** A file at an address. */
export interface WebFile {
  readonly url: string;
  /** Goes to the address's own host only: fetch drops it when a redirect leads elsewhere. */
  readonly token?: string | undefined;
  /** Its size, where it is known beforehand. */
  readonly bytes?: number | undefined;
  /** The server's word for this version of the file: a file that changed is sent from its beginning. */
  readonly validator?: string | undefined;
  /** Says what an answer that is an error means. */
  readonly problem?: (status: number, errorCode: string | undefined) => string;
  readonly patience?: Patience;
}

/** What a server says about a file before it is fetched. */
export interface WebFileFacts {
  readonly bytes: number | undefined;
  readonly validator: string | undefined;
  /** Equal keys, equal bytes; undefined = the server does not say what would make that sure. */
  readonly key: string | undefined;
}

export async function askForFacts(file: WebFile, signal: AbortSignal): Promise<WebFileFacts> {
  using connection = new Connection(file.url, signal);
  const response = await request(file, connection, "bytes=0-0");
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  const bytes = response.status === 206 ? total : response.headers.get("content-length");
  const etag = response.headers.get("etag") ?? undefined;
  // A weak tag promises nothing about bytes, and If-Range must not be used with it.
  const validator = etag?.startsWith("W/") ? undefined : (etag ?? response.headers.get("last-modified") ?? undefined);
  const identity = [file.url, bytes, validator].join("\n");
  return {
    bytes: bytes === null || bytes === undefined ? undefined : Number(bytes),
    validator,
    key: validator === undefined ? undefined : createHash("sha256").update(identity).digest("hex"),
  };
}

/** The file from byte `from` on, or from its beginning where the server cannot do that. */
export async function openWebFile(file: WebFile, from: number, context: SourceContext): Promise<SourceStream> {
  if (from > 0 && from === file.bytes) return { from, chunks: nothing() };
  const connection = new Connection(file.url, context.signal);
  try {
    const response = await request(file, connection, from > 0 ? `bytes=${from}-` : undefined);
    const begin = beginOf(response, from, file.bytes);
    const length = response.headers.get("content-length");
    const total = file.bytes ?? (length === null ? 0 : begin + Number(length));
    return { from: begin, chunks: chunksOf({ response, connection, file, context, begin, total }) };
  } catch (thrown) {
    connection[Symbol.dispose]();
    throw thrown;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function request(file: WebFile, connection: Connection, range: string | undefined): Promise<Response> {
  connection.expect((file.patience ?? defaultPatience).answerMs, "did not answer");
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (range !== undefined) {
    headers["range"] = range;
    if (file.validator !== undefined) headers["if-range"] = file.validator;
  }
  if (file.token !== undefined) headers["authorization"] = `Bearer ${file.token}`;
  try {
    const response = await connection.fetch(file.url, { headers });
    if (!response.ok) {
      const say = file.problem ?? defaultProblem;
      throw new SourceProblem(say(response.status, connection.errorCode));
    }
    return response;
  } catch (thrown) {
    throw connection.problem ?? thrown;
  }
}

function defaultProblem(status: number): string {
  return status === 404 ? "HTTP 404: there is no such file" : `HTTP ${status}`;
}

function beginOf(response: Response, from: number, expected: number | undefined): number {
  const [, begin, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  const length = response.headers.get("content-length");
  const size = response.status === 206 ? total : length;
  if (expected !== undefined && size !== undefined && size !== null && size !== "*" && Number(size) !== expected) {
    throw new SourceProblem(`the file there has ${size} bytes instead of ${expected}`);
  }
  if (response.status !== 206) return 0;
  if (Number(begin) !== from) throw new SourceProblem("the server sent another part of the file than it was asked for");
  return from;
}

interface Body {
  readonly response: Response;
  readonly connection: Connection;
  readonly file: WebFile;
  readonly context: SourceContext;
  readonly begin: number;
  readonly total: number;
}

async function* chunksOf({ response, connection, file, context, begin, total }: Body): AsyncGenerator<Uint8Array> {
  const { stallMs } = file.patience ?? defaultPatience;
  try {
    let received = begin;
    connection.expect(stallMs, "sent nothing");
    for await (const chunk of response.body ?? nothing()) {
      connection.expect(stallMs, "sent nothing");
      received += chunk.length;
      context.onReceived(received, total);
      yield chunk;
    }
  } catch (thrown) {
    throw connection.problem ?? thrown;
  } finally {
    connection[Symbol.dispose]();
  }
}
