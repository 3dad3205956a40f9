import { HubApiError, listFiles } from "@huggingface/hub";
import type { FileSum } from "./catalogue-entry.ts";
import { Connection, defaultPatience, type Patience } from "./connection.ts";
import type { WebFile } from "./http-source.ts";
import { SourceProblem } from "./source-problem.ts";

/** A repository of models at a revision. */
export interface HubRepo {
  readonly repo: string;
  readonly revision: string;
}

/** A file as the hub lists it. Large files, as models are, come with their sum. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/** The hub, or the mirror in `HF_ENDPOINT`, and the token that goes to no other host. */
function hub(): { readonly url: string; readonly token: string | undefined } {
  const url = (process.env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  if (!URL.canParse(url)) throw new SourceProblem(`HF_ENDPOINT is no address: ${url}`);
  return { url, token: process.env["HF_TOKEN"] || undefined };
}

/** All GGUF files of a repository. */
export async function listHubModels(
  { repo, revision }: HubRepo,
  signal: AbortSignal,
  patience: Patience = defaultPatience,
): Promise<HubFile[]> {
  const { url, token } = hub();
  using connection = new Connection(url, signal);
  connection.expect(patience.answerMs, "did not answer");
  const accessToken = token === undefined ? {} : { accessToken: token };
  const params = { repo, revision: encodeURIComponent(revision), recursive: true, hubUrl: url, ...accessToken };
  const files: HubFile[] = [];
  try {
    for await (const { type, path, size, lfs } of listFiles({ ...params, fetch: connection.fetch })) {
      connection.expect(patience.answerMs, "sent nothing");
      if (type !== "file" || !/\.gguf$/i.test(path)) continue;
      files.push({ path, bytes: lfs?.size ?? size, sha256: sumOf(lfs?.oid) });
    }
  } catch (thrown) {
    if (thrown instanceof HubApiError) {
      throw new SourceProblem(hubProblem(thrown.statusCode, connection.errorCode, repo), { cause: thrown });
    }
    throw connection.problem ?? thrown;
  }
  return files;
}

function sumOf(oid: string | undefined): string | undefined {
  const [, sum] = /^(?:sha256:)?([0-9a-f]{64})$/.exec(oid ?? "") ?? [];
  return sum;
}

/** How a file of the hub is fetched. */
export function hubWebFile({ repo, revision }: HubRepo, path: string, { bytes }: Partial<FileSum>): WebFile {
  const { url, token } = hub();
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return {
    url: `${url}/${repo}/resolve/${encodeURIComponent(revision)}/${encoded}`,
    token,
    bytes,
    problem: (status, errorCode) => hubProblem(status, errorCode, repo),
  };
}

/** What the hub's errors mean; its codes: https://github.com/huggingface/huggingface_hub, `utils/_http.py`. */
function hubProblem(status: number, errorCode: string | undefined, repo: string): string {
  const { url, token } = hub();
  const page = `${url}/${repo}`;
  if (errorCode === "EntryNotFound") return "HTTP 404: there is no such file on the hub";
  if (errorCode === "RevisionNotFound") return "HTTP 404: there is no such revision on the hub";
  if (status === 404) return `HTTP 404: there is no such model or file on the hub: look at ${page}`;
  if (status !== 401 && status !== 403) return `HTTP ${status}`;
  if (token !== undefined) {
    return `HTTP ${status}: the token in HF_TOKEN may not read it: accept the model's licence at ${page} with its account`;
  }
  const accept = `accept the model's licence at ${page} and set HF_TOKEN to a token that may read it (${url}/settings/tokens)`;
  return errorCode === "GatedRepo" || status === 403
    ? `HTTP ${status}: ${accept}`
    : `HTTP ${status}: there is no such model, or it is not open to everyone: ${accept}`;
}
