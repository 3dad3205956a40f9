import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultModel } from "../../src/model/catalogue.ts";
import { resolveModel, type PullProgress } from "../../src/model/resolve-model.ts";
import { online } from "./network.ts";

test.skipIf(!online)(
  "the default model is pulled from the sources that can be reached, then needs no network",
  async () => {
    const home = await mkdtemp(join(tmpdir(), "millrace-pull-"));
    try {
      const seen: PullProgress[] = [];
      const pulled = await resolveModel(defaultModel, { home, onProgress: (progress) => void seen.push(progress) });
      expect(pulled.header).toMatchObject({ architecture: "llama", fileType: "Q4_1", vocabularySize: 49_152 });
      expect(pulled.header.fileBytes).toBe(98_362_432);
      const last = seen.at(-1)!;
      expect(last.received).toBe(last.total);
      expect(await readdir(join(home, "tmp"))).toEqual([]);
      expect((await resolveModel(defaultModel, { home, offline: true })).file).toBe(pulled.file);
    } finally {
      await rm(home, { recursive: true });
    }
  },
);
