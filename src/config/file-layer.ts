import { isMap, isSeq, LineCounter, parseDocument, type Document } from "yaml";
import { failure } from "../core/errors.ts";
import { configKeys, fields } from "./fields.ts";
import { foreignKeys, readForeign } from "./foreign-names.ts";
import { type Layer, type Setting, unknownName } from "./layers.ts";
import { readConfigFile } from "./read-config-file.ts";
import type { ConfigKey } from "./schema.ts";

/** One key of the file, where it stands, and its value. */
interface Entry {
  readonly name: string;
  readonly place: string;
  readonly value: unknown;
}

/** The key of the list of models, and how many it may hold. */
export const modelsKey = "models";
export const mostModels = 100;

/** What a file says: of everything, and of each model in its list. */
export interface FileLayers {
  readonly shared: Layer;
  /** Where the list stands, and one layer for each entry, at least one; undefined = there is no list. */
  readonly models: { readonly place: string; readonly layers: readonly Layer[] } | undefined;
}

const topKeys = new Map(configKeys.map((key) => [fields[key].file, key]));
const modelKeys = new Map([...topKeys].filter(([, key]) => fields[key].perModel === true));
/** What makes an entry the model that it is. */
const identity: readonly ConfigKey[] = ["model", "name"];

/** Reads a YAML (or JSON, which is YAML) file. Damage, unknown and repeated keys throw `invalid_config` with the line. */
export function fileLayers(path: string): FileLayers {
  const { top, list } = readEntries(path, readConfigFile(path));
  const shared = new Map<ConfigKey, Setting>();
  for (const entry of top) {
    if (Object.hasOwn(foreignKeys, entry.name)) addForeign(shared, entry);
    else addOwn(shared, entry, topKeys);
  }
  if (list === undefined) return { shared, models: undefined };
  const layers = list.entries.map((entries) => {
    // An entry's settings go before those of the file that hold for all, but for what must not be said twice.
    const layer = new Map([...shared].filter(([key]) => identity.includes(key)));
    for (const entry of entries) addOwn(layer, entry, modelKeys);
    return layer;
  });
  return { shared, models: { place: list.place, layers } };
}

function addOwn(layer: Map<ConfigKey, Setting>, entry: Entry, keys: ReadonlyMap<string, ConfigKey>): void {
  const { name, place, value } = entry;
  const key = keys.get(name);
  if (key !== undefined) return addOnce(layer, key, { value, origin: { layer: "file", place } });
  const known = keys === topKeys ? [...keys.keys(), modelsKey] : [...keys.keys()];
  throw unknownName(`key ${JSON.stringify(name)} at ${place}`, name, known);
}

function addForeign(layer: Map<ConfigKey, Setting>, { name, place, value }: Entry): void {
  const meant = readForeign(foreignKeys[name]!, { text: name, place }, value);
  if (meant === undefined) return;
  addOnce(layer, meant.key, { value: meant.value, origin: { layer: "file", place: `${place} (${name})` } });
}

/** One setting has several names and places; which of two values would count could only be guessed. */
function addOnce(layer: Map<ConfigKey, Setting>, key: ConfigKey, setting: Setting): void {
  const first = layer.get(key);
  if (first !== undefined) {
    const places = `${first.origin.place} and ${setting.origin.place}`;
    throw failure("invalid_config", { problem: `${fields[key].file} is given twice, at ${places}; keep one` });
  }
  layer.set(key, setting);
}

interface Entries {
  readonly top: readonly Entry[];
  readonly list: { readonly place: string; readonly entries: readonly (readonly Entry[])[] } | undefined;
}

function readEntries(path: string, text: string): Entries {
  const lines = new LineCounter();
  const document = parseYaml(path, text, lines);
  const values = plainValues(path, document);
  const entriesOf = (node: unknown, object: object): Entry[] =>
    Object.entries(object).map(([name, value]) => ({ name, value, place: `${path}:${lineOfKey(node, lines, name)}` }));
  const all = entriesOf(document.contents, values);
  const listed = all.find(({ name }) => name === modelsKey);
  if (listed === undefined) return { top: all, list: undefined };
  const node = document.get(modelsKey);
  const items = isSeq(node) ? node.items : [];
  const entries = modelsOf(listed).map((model, index) => entriesOf(items[index], model));
  return { top: all.filter((entry) => entry !== listed), list: { place: listed.place, entries } };
}

function modelsOf({ place, value }: Entry): readonly object[] {
  const models = Array.isArray(value) ? (value as unknown[]) : [];
  if (models.length > 0 && models.length <= mostModels && models.every(isObject)) return models;
  const problem = `${place}: ${modelsKey} must be a list of 1 to ${mostModels} models: "- name: value"`;
  throw failure("invalid_config", { problem });
}

/**
 * The parser is recursive, and a stack that overflows inside a regular expression ends the whole process (V8 calls it
 * out of memory). So the ways to nest deeply in few bytes are refused: brackets, and indicators on one line.
 */
function isTooDeep(text: string): boolean {
  return (text.match(/[[{]/g)?.length ?? 0) > 1000 || /(?:[-?:][ \t]+){100}/.test(text);
}

function parseYaml(path: string, text: string, lineCounter: LineCounter): Document {
  try {
    if (isTooDeep(text)) throw new Error("it is nested too deeply");
    const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "error" });
    const error = document.errors[0];
    if (error === undefined) return document;
    throw failure("invalid_config", {
      problem: `${path}:${lineCounter.linePos(error.pos[0]).line}: ${firstLine(error.message)}`,
    });
  } catch (error) {
    throw asConfigError(path, error);
  }
}

function plainValues(path: string, document: Document): object {
  try {
    const values: unknown = document.toJS({ maxAliasCount: 100 });
    if (values === null || values === undefined) return {};
    if (isMap(document.contents) && typeof values === "object") return values;
  } catch (error) {
    throw asConfigError(path, error);
  }
  throw failure("invalid_config", { problem: `${path}: must be a list of settings, one "key: value" a line` });
}

function lineOfKey(node: unknown, lines: LineCounter, name: string): number {
  if (!isMap(node)) return 1;
  const pair = node.items.find(({ key }) => String(key) === name);
  const range = (pair?.key as { range?: readonly number[] } | undefined)?.range;
  return lines.linePos(range?.[0] ?? 0).line;
}

function asConfigError(path: string, error: unknown): Error {
  if (error instanceof Error && error.name === "MillraceError") return error;
  return failure("invalid_config", { problem: `${path}: ${firstLine(messageOf(error))}` }, error);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const firstLine = (text: string) => text.split("\n", 1)[0]!;
