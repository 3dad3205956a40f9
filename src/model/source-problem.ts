/** Why one source of a model could not be used, in words; the next is tried. */
export class SourceProblem extends Error {}

const systemProblems: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "no permission",
  EROFS: "the file system is read-only",
  ENOTFOUND: "its address cannot be resolved (no network?)",
  EAI_AGAIN: "its address cannot be resolved (no network?)",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was broken",
  UND_ERR_SOCKET: "the connection was broken",
  ENETUNREACH: "the network is unreachable",
  EHOSTUNREACH: "the host is unreachable",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
};

/** One line about anything thrown while a source was read. */
export function problemOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return firstLine(String(thrown));
  if (thrown instanceof SourceProblem) return thrown.message;
  const code = (thrown as NodeJS.ErrnoException).code ?? "";
  const known = systemProblems[code];
  if (known !== undefined) return `${known} (${code})`;
  // fetch says only "fetch failed"; what happened is its cause.
  if (thrown.cause instanceof Error) return problemOf(thrown.cause);
  return firstLine(thrown.message);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!.slice(0, 300);
}
