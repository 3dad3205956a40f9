import { readdirSync, readFileSync } from "node:fs";
import { basename, join, sep } from "node:path";
import { describe, expect, test } from "vitest";
import { checkImports, importersOf, importsOf, isTest, type ImportTable, type SourceFile } from "./import-table.ts";

// A unit may import only what stands to its right. This table is the architecture: docs/architecture.md draws it.
const below = "core config telemetry model engine scheduler inference host";
const table: ImportTable = {
  core: "",
  config: "core",
  telemetry: "core",
  model: "core",
  engine: "core model",
  scheduler: "core engine(types)",
  inference: "core model engine(types) scheduler",
  host: "core config telemetry model engine scheduler inference",
  api: "core",
  gateway: "core config telemetry",
  tenancy: "core config telemetry",
  http: "core config telemetry api gateway(types) tenancy(types)",
  tuner: below,
  bench: below,
  "app.ts": `${below} api gateway tenancy http tuner bench`,
  cli: "core app.ts tuner bench model config",
  "main.ts": "cli core host",
};

function filesIn(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => ({ path: name.split(sep).join("/"), text: readFileSync(join(folder, name), "utf8") }));
}

const linesOf = ({ text }: SourceFile): number => text.split("\n").length - 1;

const sources = filesIn("src");
const everything = ["src", "page", "test", "bench", "scripts"].flatMap((folder) =>
  filesIn(folder).map(({ path, text }) => ({ path: `${folder}/${path}`, text })),
);

describe("this program", () => {
  test("imports only what the table allows", () => {
    const { edges, violations } = checkImports(sources, table);
    expect(violations).toEqual([]);
    expect(edges.size).toBeGreaterThan(10);
  });

  test("keeps the page apart: it knows the server by HTTP alone", () => {
    const page = everything.filter(({ path }) => path.startsWith("page/") && !isTest(path));
    const imports = page.flatMap(({ text }) => importsOf(text)).map(({ specifier }) => specifier);
    expect(imports.length).toBeGreaterThan(10);
    expect(imports.filter((specifier) => !/^\.\/[a-z-]+\.ts$/.test(specifier))).toEqual([]);
  });

  test("asks for the time of day only to tell it, and to compare it with the times of files", () => {
    const tells = ["bench/load-json.ts", "bench/machine.ts"];
    const created = [
      "host/engine-host.ts",
      "host/pooled-model.ts",
      "http/generation-routes.ts",
      "inference/local-backend.ts",
    ];
    const ages = ["model/lease.ts", "model/owner.ts", "model/partial-file.ts", "model/store.ts"];
    // Everything else is measured on a clock that nobody can set: no deadline, and no death, may depend on this one.
    const askers = sources.filter(({ path, text }) => !isTest(path) && /\bDate\.now\b|\bnew Date\(\)/.test(text));
    expect(askers.map(({ path }) => path).toSorted()).toEqual([...tells, ...created, ...ages].toSorted());
  });

  test("touches native code only in the engine, and where a process asks to die with its parent", () => {
    const importers = importersOf(sources, "koffi").filter((path) => !path.startsWith("engine/llama/"));
    expect(importers).toEqual(["host/parent-death.ts"]);
    expect(importersOf(sources, "koffi")).toContain("engine/llama/native.ts");
  });

  test("has short files: 9 of 10 within 200 lines, none over 400", () => {
    expect(everything.filter((file) => linesOf(file) > 400).map(({ path }) => path)).toEqual([]);
    const lengths = sources.filter(({ path }) => !isTest(path)).map(linesOf);
    const ninth = lengths.toSorted((a, b) => a - b)[Math.floor(lengths.length * 0.9)];
    expect(ninth).toBeLessThanOrEqual(200);
  });

  test("names each file in kebab-case after what it holds", () => {
    const vague = /^(utils?|helpers?|common|misc)$/;
    const badlyNamed = (path: string) => {
      const [name, ...endings] = basename(path).split(".");
      return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name!) || vague.test(name!) || endings.length > 2;
    };
    expect(everything.map(({ path }) => path).filter(badlyNamed)).toEqual([]);
    expect(everything.flatMap(({ path }) => path.split("/").slice(0, -1)).filter((name) => vague.test(name))).toEqual(
      [],
    );
  });
});

describe("the checker", () => {
  const small: ImportTable = { low: "", mid: "low(types)", high: "low mid" };
  const violationsOf = (path: string, text: string) => checkImports([{ path, text }], small).violations;

  test.each([
    ['import { a } from "../low/a.ts";', false],
    ['import a from "../low/a.ts";', false],
    ['import * as a from "../low/a.ts";', false],
    ['import "../low/a.ts";', false],
    ["import '../low/a.ts';", false],
    ['import {\n  a,\n  b,\n} from "../low/a.ts";', false],
    ['export { a } from "../low/a.ts";', false],
    ['export * from "../low/a.ts";', false],
    ['const a = await import("../low/a.ts");', false],
    ["const a = await import(`../low/a.ts`);", false],
    ['const a = require("../low/a.ts");', false],
    ['new Worker(new URL("../low/a.ts", import.meta.url));', false],
    ["new Worker(new URL(`../low/a${extension}`, import.meta.url));", false],
    ['import type { A } from "../low/a.ts";', true],
    ['import type {\n  A,\n  B,\n} from "../low/a.ts";', true],
    ['export type { A } from "../low/a.ts";', true],
    ['const a = {} as typeof import("../low/a.ts");', true],
    // The file is loaded all the same: see importsOf.
    ['import { type A } from "../low/a.ts";', false],
    ['import { a, type B } from "../low/a.ts";', false],
    ['import type from "../low/a.ts";', false],
  ])("sees %s", (text, typeOnly) => {
    expect(importsOf(text)).toEqual([expect.objectContaining({ typeOnly })]);
    expect(violationsOf("mid/b.ts", text)).toHaveLength(typeOnly ? 0 : 1);
    expect(violationsOf("high/b.ts", text)).toEqual([]);
    expect(violationsOf("low/b.ts", text)).toEqual([]);
  });

  test.each(['export const path = "../low/a.ts";', 'export type Path = "../low/a.ts";', 'read("../low/a.ts");'])(
    "does not take %s for an import",
    (text) => expect(importsOf(text)).toEqual([]),
  );

  test("says which file breaks which rule", () => {
    expect(violationsOf("low/b.ts", 'import { h } from "../high/h.ts";')).toEqual([
      "low/b.ts: low may not import high",
    ]);
    expect(violationsOf("low/deep/er/b.ts", 'import type { H } from "../../../high/h.ts";')).toEqual([
      "low/deep/er/b.ts: low may not import types of high",
    ]);
    expect(violationsOf("low/b.test.ts", 'import { h } from "../high/h.ts";')).toHaveLength(1);
    expect(violationsOf("high/b.ts", 'import { x } from "../new/x.ts";')).toEqual([
      "high/b.ts: high may not import new",
    ]);
    expect(violationsOf("new/b.ts", "")).toEqual(["new/b.ts: new is not in the table"]);
    expect(violationsOf("high/b.ts", 'import { x } from "../../test/x.ts";')).toEqual([
      "high/b.ts: imports ../../test/x.ts, which is not in src",
    ]);
    expect(violationsOf("high/b.ts", "await import(name);")).toEqual(["high/b.ts: imports a name that is computed"]);
  });

  test("keeps what is for tests out of the program", () => {
    const text = 'import { aThing } from "./testing.ts";';
    expect(violationsOf("high/b.ts", text)).toEqual(["high/b.ts: imports ./testing.ts, which is for tests"]);
    expect(violationsOf("high/b.test.ts", text)).toEqual([]);
  });

  test("counts what it saw, and finds who loads a package", () => {
    const files = [
      { path: "high/a.ts", text: 'import { b } from "../mid/b.ts";\nimport koffi from "koffi";' },
      { path: "mid/b.ts", text: 'import type { Koffi } from "koffi";\nimport { x } from "koffi-like";' },
    ];
    expect([...checkImports(files, small).edges]).toEqual(["high -> mid"]);
    expect(importersOf(files, "koffi")).toEqual(["high/a.ts"]);
  });
});
