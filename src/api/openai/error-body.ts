import { errorTable, type ErrorBody, type LoadingProgress } from "../../core/errors.ts";

/** An error in OpenAI's shape: the body of a response, and the data of an event once a stream has begun. */
export function formatError({ code, message, param, loading }: ErrorBody) {
  const error = { message, type: errorTable[code].type, param: param ?? null, code };
  return { error: loading === undefined ? error : { ...error, loading: formatLoading(loading) } };
}

/** How far the loading of a model is; `eta_seconds` is null while it cannot be known. */
export function formatLoading({ progress, etaSeconds }: LoadingProgress) {
  const eta = etaSeconds === undefined ? null : Math.round(10 * etaSeconds) / 10;
  return { progress: Math.floor(100 * progress) / 100, eta_seconds: eta };
}
