import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { formatError } from "../api/openai/error-body.ts";
import { failure, type MillraceError } from "../core/errors.ts";

/** Answers what Node's HTTP parser could not make a request of, and ends the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // `_httpMessage` is Node's own: the response being written on this connection. Its bytes must not be mixed with ours.
  const { _httpMessage: current } = socket as Socket & { _httpMessage?: ServerResponse | null };
  if (!socket.writable || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const answer = toFailure(error.code);
  const { status } = answer.row;
  const body = JSON.stringify(formatError(answer.toBody()));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function toFailure(code: string | undefined): MillraceError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return failure("request_timeout", undefined);
  if (code === "HPE_HEADER_OVERFLOW") return failure("headers_too_large", undefined);
  return failure("malformed_request", undefined);
}
