import type { FastifyReply, FastifyRequest } from "fastify";
import { formatError } from "../api/openai/error-body.ts";
import { failure, MillraceError, toMillraceError } from "../core/errors.ts";

/** Anything thrown while a request was handled, also by Fastify itself, as a row of the table. */
export function toFailure(thrown: unknown, request: FastifyRequest): MillraceError {
  if (thrown instanceof MillraceError || !(thrown instanceof Error)) return toMillraceError(thrown);
  const { code, statusCode } = thrown as { code?: string; statusCode?: number };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return failure("payload_too_large", { limit: request.routeOptions.bodyLimit }, thrown);
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    return failure("unsupported_media_type", { value: request.headers["content-type"] ?? "missing" }, thrown);
  // A body that breaks off, or is not as long as it said.
  if (statusCode !== undefined && statusCode < 500) return failure("malformed_request", undefined, thrown);
  return toMillraceError(thrown);
}

/** Answers with an error in the API's shape. */
export function sendFailure(error: MillraceError, reply: FastifyReply): void {
  const { status, retryable } = error.row;
  const again = Math.max(1, Math.ceil(error.retryAfter ?? 1));
  if ((status === 503 || status === 429) && retryable) void reply.header("retry-after", String(again));
  void reply.code(status).send(formatError(error.toBody()));
}
