import { readFileSync, statSync } from "node:fs";
import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import { failure } from "../core/errors.ts";
import { configKeys, fields } from "./fields.ts";
import { type Layer, type Setting, unknownName } from "./layers.ts";
import type { ConfigKey } from "./schema.ts";

const maxFileBytes = 100_000;

/** Reads a YAML (or JSON, which is YAML) file. Damage, unknown and repeated keys throw `invalid_config` with the line. */
export function fileLayer(path: string): Layer {
  return parseFileLayer(path, readConfigFile(path));
}

function parseFileLayer(path: string, text: string): Layer {
  const lines = new LineCounter();
  const document = parseYaml(path, text, lines);
  const values = plainValues(path, document);
  const byName = new Map(configKeys.map((key) => [fields[key].file, key]));
  const layer = new Map<ConfigKey, Setting>();
  for (const [name, value] of Object.entries(values)) {
    const place = `${path}:${lineOfKey(document, lines, name)}`;
    const key = byName.get(name);
    if (key === undefined) throw unknownName(`key ${JSON.stringify(name)} at ${place}`, name, [...byName.keys()]);
    layer.set(key, { value, origin: { layer: "file", place } });
  }
  return layer;
}

function readConfigFile(path: string): string {
  try {
    if (statSync(path).size > maxFileBytes) throw new Error(`it is larger than ${maxFileBytes} bytes`);
    return readFileSync(path, "utf8");
  } catch (error) {
    throw failure(
      "invalid_config",
      { problem: `cannot read the configuration file ${path}: ${messageOf(error)}` },
      error,
    );
  }
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

function lineOfKey(document: Document, lines: LineCounter, name: string): number {
  if (!isMap(document.contents)) return 1;
  const pair = document.contents.items.find(({ key }) => String(key) === name);
  const range = (pair?.key as { range?: readonly number[] } | undefined)?.range;
  return lines.linePos(range?.[0] ?? 0).line;
}

function asConfigError(path: string, error: unknown): Error {
  if (error instanceof Error && error.name === "MillraceError") return error;
  return failure("invalid_config", { problem: `${path}: ${firstLine(messageOf(error))}` }, error);
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const firstLine = (text: string) => text.split("\n", 1)[0]!;
