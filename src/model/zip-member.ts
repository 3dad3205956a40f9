import { openPromise } from "yauzl";
import { SourceProblem } from "./source-problem.ts";

/** The bytes of one member of a zip file (a wheel is one). */
export async function* readZipMember(archive: string, member: string): AsyncGenerator<Uint8Array> {
  const zip = await openPromise(archive, { lazyEntries: true });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== member) continue;
      yield* await zip.openReadStreamPromise(entry);
      return;
    }
    throw new SourceProblem(`the package has no member ${member}`);
  } finally {
    zip.close();
  }
}
