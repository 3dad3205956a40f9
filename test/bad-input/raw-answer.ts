import { connect } from "node:net";
import { errorAnswer } from "../../src/api/openapi/answers.ts";

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

/** A server may take the end of what is sent for the end of its reader: it comes where an answer waits for more. */
const endAfterMs = 5000;

/** Sends the bytes, and reads until the server ends. Rejects when that takes longer. */
export async function answerTo(bytes: Buffer, port: number, withinMs = 20_000): Promise<RawAnswer> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const pieces: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const ending = setTimeout(() => socket.end(), endAfterMs);
    const timer = setTimeout(() => reject(new Error(`no end of the answer within ${withinMs} ms`)), withinMs);
    socket.on("data", (piece) => pieces.push(piece));
    // A server that has seen enough may close while bytes are still sent: what it had said counts.
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(ending);
      clearTimeout(timer);
      resolve();
    });
    socket.write(bytes);
  }).finally(() => socket.destroy());
  const text = Buffer.concat(pieces).toString();
  const [head = "", ...rest] = text.split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), body: rest.join("\r\n\r\n") };
}

/** What is wrong with an answer to a malformed request; undefined = it is a 4xx in OpenAI's shape. */
export function faultOf({ status, body }: RawAnswer): string | undefined {
  if (status < 400 || status > 499) return `status ${status}: ${body.slice(0, 300)}`;
  try {
    const parsed = errorAnswer.safeParse(JSON.parse(body));
    if (parsed.success && parsed.data.error.message.length < 1000) return undefined;
  } catch {
    // no JSON
  }
  return `not OpenAI's shape: ${body.slice(0, 300)}`;
}
