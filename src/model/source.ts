import type { BertSource, HubSource, PackageSource } from "./catalogue-entry.ts";

/** What a source works with while it is read. */
export interface SourceContext {
  /** An empty folder for what it must put down; removed afterwards. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Bytes over the network so far, and all that are expected (0 = unknown). */
  readonly onReceived: (received: number, total: number) => void;
}

/** The rest of a file. */
export interface SourceStream {
  /** Where `chunks` begin: where it was asked to, or before that when it cannot begin there. */
  readonly from: number;
  /** Throw a SourceProblem, or what went wrong underneath. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A short name for messages and progress: `hf:owner/repo/file@revision`, `pypi:package@version`. */
export function sourceName(source: HubSource | PackageSource | BertSource): string {
  if (source.kind === "hf") return `hf:${source.repo}/${source.path}@${source.revision.slice(0, 8)}`;
  if (source.kind === "bert") return `npm:${source.package.name}@${source.package.version}`;
  const first = source.parts[0];
  const others = source.parts.length - 1;
  return `${source.kind}:${first.name}@${first.version}${others > 0 ? ` and ${others} more` : ""}`;
}
