import { closestWord } from "../core/closest-word.ts";
import type { HubFile } from "./hub-source.ts";
import type { HubReference } from "./reference.ts";
import { SourceProblem } from "./source-problem.ts";
import { parseSplitName } from "./split-name.ts";

/** Asked for where a repository has several formats and none is named, as llama.cpp does. */
const usualQuant = "Q4_K_M";

/** A model of a repository: one file, or all parts of a split one, in order. */
interface Group {
  /** Path without the part's number and the ending. */
  readonly stem: string;
  readonly parts: number;
  readonly files: readonly HubFile[];
}

/**
 * The files of one model among those of a repository: the one that is named, or the one in the number format that is
 * named. Of a split model all parts. Throws a SourceProblem that says what there is.
 */
export function chooseFiles(files: readonly HubFile[], { repo, path, quant }: HubReference): readonly HubFile[] {
  const groups = groupsOf(files.filter((file) => !/(^|[/._-])(mmproj|imatrix)/i.test(file.path)));
  if (groups.length === 0) throw new SourceProblem(`${repo} has no GGUF files; look for a repository that has`);
  const group = path === undefined ? byQuant(groups, quant) : byPath(groups, path);
  if (group.files.length !== group.parts) {
    throw new SourceProblem(`${group.stem} has ${group.files.length} of its ${group.parts} parts there`);
  }
  return group.files;
}

/** The name of a model file or of a part of one, without folder, number and ending. */
export function modelNameOf(path: string): string {
  return parseSplitName(path).stem.replace(/^.*\//, "");
}

function groupsOf(files: readonly HubFile[]): Group[] {
  const groups = new Map<string, { stem: string; parts: number; files: Map<number, HubFile> }>();
  for (const file of files) {
    const { stem, part, parts } = parseSplitName(file.path);
    const key = `${stem}:${parts}`;
    const group = groups.get(key) ?? { stem, parts, files: new Map<number, HubFile>() };
    if (part >= 1 && part <= parts) group.files.set(part, file);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => ({
    ...group,
    files: [...group.files].toSorted(([a], [b]) => a - b).map(([, file]) => file),
  }));
}

function byPath(groups: readonly Group[], path: string): Group {
  const found = groups.find(({ files }) => files.some((file) => file.path === path));
  if (found !== undefined) return found;
  const paths = groups.flatMap(({ files }) => files.map((file) => file.path));
  const near = closestWord(path, paths);
  throw new SourceProblem(`there is no file ${path}${near === undefined ? "" : ` (did you mean ${near}?)`}`);
}

function byQuant(groups: readonly Group[], quant: string | undefined): Group {
  if (quant === undefined && groups.length === 1) return groups[0]!;
  const wanted = (quant ?? usualQuant).toLowerCase();
  const found = groups.filter(({ stem }) => endsWithWord(stem.toLowerCase(), wanted));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const stems = (found.length === 0 ? groups : found)
    .map(({ stem }) => stem)
    .slice(0, 20)
    .join(", ");
  throw new SourceProblem(
    found.length === 0
      ? `there is no ${quant ?? usualQuant} file; there are: ${stems}`
      : `more than one file is ${quant ?? usualQuant}; name one: ${stems}`,
  );
}

function endsWithWord(stem: string, word: string): boolean {
  return stem.endsWith(word) && /^$|[-._/]$/.test(stem.slice(0, -word.length));
}
