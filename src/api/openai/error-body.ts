import { errorTable, type ErrorBody } from "../../core/errors.ts";

/** An error in OpenAI's shape: the body of a response, and the data of an event once a stream has begun. */
export function formatError({ code, message, param }: ErrorBody) {
  return { error: { message, type: errorTable[code].type, param: param ?? null, code } };
}
