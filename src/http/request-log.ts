import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Timings } from "../api/openai/timings.ts";
import type { MillraceError } from "../core/errors.ts";
import type { ChoiceEvent } from "../core/generation.ts";
import type { Logger } from "../telemetry/log.ts";
import { shorten } from "../api/shown-value.ts";

declare module "fastify" {
  interface FastifyRequest {
    record: RequestRecord;
  }
}

/** What became of one request, for its line in the log. */
export class RequestRecord {
  /** Of `performance.now()`, ms. */
  readonly begun = performance.now();
  promptTokens: number | undefined;
  completionTokens: number | undefined;
  /** From the request's arrival to its first token. */
  firstTokenMs: number | undefined;
  /** How the last of its answers ended. */
  finish: string | undefined;
  /** How often it went on after its engine's death. */
  resumes: number | undefined;
  /** The whole answer has left for the client. */
  sent = false;
  error: MillraceError | undefined;

  /** After the last answer has ended. */
  get timings(): Timings {
    const promptMs = this.firstTokenMs ?? elapsed(this.begun);
    return { promptMs, answerMs: elapsed(this.begun + promptMs) };
  }

  note({ choice, event }: ChoiceEvent): void {
    if (event.type === "text-delta") {
      this.firstTokenMs ??= elapsed(this.begun);
      this.completionTokens = (this.completionTokens ?? 0) + event.tokens.length;
    } else if (event.type === "admitted") {
      if (choice === 0) this.promptTokens = (this.promptTokens ?? 0) + event.promptTokens.length;
    } else if (event.type === "finished") {
      this.finish = event.reason;
      if (event.resumes !== undefined) this.resumes = Math.max(this.resumes ?? 0, event.resumes);
      this.completionTokens ??= 0;
    }
  }
}

/** Writes one line per request when its connection is done with it, whether it was answered or the client left. */
export function logRequests(server: FastifyInstance, logger: Logger): void {
  server.decorateRequest("record");
  server.addHook("onRequest", (request, reply, done) => {
    request.record = new RequestRecord();
    const { raw } = reply;
    // A response that is cut off "finishes" as well; ours must be first, for afterwards it has no socket any more.
    raw.prependOnceListener("finish", () => (request.record.sent = raw.socket?.destroyed === false));
    raw.once("close", () => logRequest(logger, request, reply));
    done();
  });
}

function logRequest(logger: Logger, request: FastifyRequest, { raw }: FastifyReply): void {
  const { record } = request;
  const status = record.sent ? raw.statusCode : (record.error?.row.status ?? 499);
  const fields = {
    request: request.id,
    method: request.method,
    path: shorten(request.url.split("?")[0]!, 200),
    status,
    ms: elapsed(record.begun),
    promptTokens: record.promptTokens,
    completionTokens: record.completionTokens,
    firstTokenMs: record.firstTokenMs,
    finish: record.finish,
    resumes: record.resumes,
    error: record.error?.code,
  };
  // A server's fault comes with its cause; a client's mistake is the client's business.
  if (record.error !== undefined && record.error.row.status >= 500)
    logger.error({ ...fields, problem: record.error.message, err: record.error.cause }, "request");
  else if (request.routeOptions.config.open === true) logger.debug(fields, "request");
  else logger.info(fields, "request");
}

/** In ms, to the tenth. */
function elapsed(since: number): number {
  return Math.round((performance.now() - since) * 10) / 10;
}
