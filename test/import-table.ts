import { posix } from "node:path";

/** A file of src/ by its path there ("engine/open.ts"). */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly specifier: string;
  /** Nothing is loaded: `import type`, `export type`, `typeof import()`. */
  readonly typeOnly: boolean;
  /** A file is named, to be run in a worker or another process. */
  readonly byUrl: boolean;
}

/** Who may import whom: names of folders, and of files directly in src/; "(types)" behind those of which only types. */
export type ImportTable = Readonly<Record<string, string>>;

// Read by pattern, for TypeScript 7 has no compiler API; the formatter makes each statement begin its own line.
const statement = /^[ \t]*(import|export)\b([^"'`;()]*)["']([^"'\n]+)["']/gm;
const call = /(typeof\s+)?\b(?:import|require|require\.resolve)\(\s*["'`]([^"'`$\n]+)["'`]/g;
const url = /\bnew URL\(\s*["'`]([^"'`$\n]+)[^\n]*import\.meta\.url/g;
const computed = /\bimport\(\s*[^\s"'`$]/;

/**
 * What a file imports. `import { type A }` counts as a value: with `verbatimModuleSyntax` it stays in the output as
 * `import {}`, which loads the file.
 */
export function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const [, keyword, clause, specifier] of text.matchAll(statement)) {
    if (!/\bfrom\s*$/.test(clause!) && !(keyword === "import" && clause!.trim() === "")) continue;
    found.push({ specifier: specifier!, typeOnly: /^\s+type\s+(?!from\s*$)/.test(clause!), byUrl: false });
  }
  for (const [, typeOf, specifier] of text.matchAll(call))
    found.push({ specifier: specifier!, typeOnly: typeOf !== undefined, byUrl: false });
  for (const [, specifier] of text.matchAll(url)) found.push({ specifier: specifier!, typeOnly: false, byUrl: true });
  return found;
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || posix.basename(path) === "testing.ts";
}

/** The folder, or the file directly in src/, that the table knows a path by. */
function unitOf(path: string): string {
  return path.split("/")[0]!;
}

/** Each import between two units, for a checker that sees none sees nothing; and what breaks the table, in words. */
export function checkImports(
  files: readonly SourceFile[],
  table: ImportTable,
): { edges: Set<string>; violations: string[] } {
  const edges = new Set<string>();
  const violations: string[] = [];
  for (const { path, text } of files) {
    const from = unitOf(path);
    if (!Object.hasOwn(table, from)) violations.push(`${path}: ${from} is not in the table`);
    if (computed.test(text)) violations.push(`${path}: imports a name that is computed`);
    for (const found of importsOf(text)) {
      if (!found.specifier.startsWith(".")) continue;
      const target = posix.join(posix.dirname(path), found.specifier);
      const to = unitOf(target);
      if (to === "..") {
        if (!found.byUrl) violations.push(`${path}: imports ${found.specifier}, which is not in src`);
        continue;
      }
      if (isTest(target) && !isTest(path)) violations.push(`${path}: imports ${found.specifier}, which is for tests`);
      if (to === from) continue;
      edges.add(`${from} -> ${to}`);
      const allowed = (table[from] ?? "").split(" ");
      if (allowed.includes(to) || (found.typeOnly && allowed.includes(`${to}(types)`))) continue;
      violations.push(`${path}: ${from} may not import ${found.typeOnly ? "types of " : ""}${to}`);
    }
  }
  return { edges, violations };
}

/** Files that load the package. */
export function importersOf(files: readonly SourceFile[], packageName: string): string[] {
  const loads = ({ specifier, typeOnly }: Import) =>
    !typeOnly && (specifier === packageName || specifier.startsWith(`${packageName}/`));
  return files.filter(({ text }) => importsOf(text).some(loads)).map(({ path }) => path);
}
