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

/** The settings of the one model may stand in a list of models, which will hold more of them one day. */
export const modelsKey = "models";

const topKeys = new Map(configKeys.map((key) => [fields[key].file, key]));
const modelKeys = new Map([...topKeys].filter(([, key]) => fields[key].perModel === true));

/** Reads a YAML (or JSON, which is YAML) file. Damage, unknown and repeated keys throw `invalid_config` with the line. */
export function fileLayer(path: string): Layer {
  const { top, models } = readEntries(path, readConfigFile(path));
  const layer = new Map<ConfigKey, Setting>();
  for (const entry of top) {
    if (Object.hasOwn(foreignKeys, entry.name)) addForeign(layer, entry);
    else addOwn(layer, entry, topKeys);
  }
  for (const entry of models) addOwn(layer, entry, modelKeys);
  return layer;
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

function readEntries(path: string, text: string): { readonly top: Entry[]; readonly models: Entry[] } {
  const lines = new LineCounter();
  const document = parseYaml(path, text, lines);
  const values = plainValues(path, document);
  const entriesOf = (node: unknown, object: object): Entry[] =>
    Object.entries(object).map(([name, value]) => ({ name, value, place: `${path}:${lineOfKey(node, lines, name)}` }));
  const all = entriesOf(document.contents, values);
  const listed = all.find(({ name }) => name === modelsKey);
  if (listed === undefined) return { top: all, models: [] };
  const list = document.get(modelsKey);
  const model = isSeq(list) ? list.items[0] : undefined;
  return { top: all.filter((entry) => entry !== listed), models: entriesOf(model, onlyModel(listed)) };
}

function onlyModel({ place, value }: Entry): object {
  const models = Array.isArray(value) ? (value as unknown[]) : [];
  if (models.length > 1) {
    const problem = `${place}: ${modelsKey} has ${models.length} entries; several models in one server come later`;
    throw failure("invalid_config", { problem });
  }
  const [model] = models;
  if (typeof model === "object" && model !== null && !Array.isArray(model)) return model;
  throw failure("invalid_config", { problem: `${place}: ${modelsKey} must be a list of one model: "- name: value"` });
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

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const firstLine = (text: string) => text.split("\n", 1)[0]!;
