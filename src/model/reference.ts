import { failure } from "../core/errors.ts";

/** What a model may be called. */
export type Reference =
  /** A name of the catalogue, or a file in the working directory that has no ending. */
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | HubReference;

/** On the Hugging Face hub: one file, or (`path` undefined) the GGUF of a repository in a given number format. */
export interface HubReference {
  readonly kind: "hub";
  readonly repo: string;
  readonly path?: string;
  readonly quant?: string;
  readonly revision: string;
}

const hubHost = "huggingface.co";
const defaultRevision = "main";

/** Reads a reference; nothing is looked up. Throws `invalid_config` for one that cannot be right. */
export function parseReference(text: string): Reference {
  if (text.startsWith("hf:")) return hubReference(text);
  if (/^https?:/i.test(text)) return webReference(text);
  if (/[/\\]|\.gguf$/i.test(text)) return { kind: "file", path: text };
  return { kind: "name", name: text };
}

function hubReference(text: string): HubReference {
  const [, owner, name, rest, revision = defaultRevision] =
    /^hf:([^/:@]+)\/([^/:@]+)((?:[:/][^@]*)?)(?:@(.+))?$/.exec(text) ?? [];
  if (owner === undefined || name === undefined || ![owner, name].every(isHubName)) throw malformed(text);
  if (!revision.split("/").every(isHubName)) throw malformed(text);
  const repo = `${owner}/${name}`;
  if (rest === undefined || rest === "") return { kind: "hub", repo, revision };
  const tail = rest.slice(1);
  if (rest.startsWith(":")) {
    if (!isHubName(tail)) throw malformed(text);
    return { kind: "hub", repo, quant: tail, revision };
  }
  if (!isHubPath(tail)) throw malformed(text);
  return { kind: "hub", repo, path: tail, revision };
}

/** A name that can become part of an address or a path and stay below where it is put. */
function isHubName(text: string): boolean {
  return /^[\w.+-]{1,200}$/.test(text) && !/^\.+$/.test(text);
}

function isHubPath(path: string): boolean {
  const safe = path.split("/").every((part) => /^[^\p{Cc}\\?#%]{1,200}$/u.test(part) && !/^\.+$/.test(part));
  return safe && /\.gguf$/i.test(path);
}

function malformed(text: string) {
  const problem = `'${text}' is no reference; accepted: hf:owner/repo:Q4_K_M or hf:owner/repo/file.gguf, each with @revision`;
  return failure("invalid_config", { problem });
}

function webReference(text: string): Reference {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw failure("invalid_config", { problem: `'${text}' is no address` });
  if (url.username !== "" || url.password !== "") {
    throw failure("invalid_config", { problem: `${webName(text)}: put no name and no password into the address` });
  }
  if (url.protocol !== "https:" && !isLoopback(url.hostname)) {
    throw failure("invalid_config", { problem: `${webName(text)}: only https: is accepted from another machine` });
  }
  const [, repo, revision, path] = /^\/([^/]+\/[^/]+)\/(?:resolve|blob)\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
  if (url.hostname === hubHost && path !== undefined) {
    return hubReference(`hf:${repo}/${path}@${revision}`);
  }
  return { kind: "url", url: url.href };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

/** An address without what may be secret in it: signatures stand behind the question mark. */
export function webName(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
