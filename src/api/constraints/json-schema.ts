import type { Constraint, Expression } from "../../core/constraint.ts";
import { areDisjoint } from "./disjoint.ts";
import { choice, Rules, text } from "./expressions.ts";
import { anyValue, boolean, literal } from "./json-text.ts";
import { arrayOf, objectOf, stringOf, type SchemaWork } from "./json-types.ts";
import { numberOf } from "./numbers.ts";
import {
  isDeeper,
  isObject,
  isOfType,
  keyword,
  keywordTypes,
  kinds,
  typesOf,
  unsupported,
  type JsonType,
  type Place,
  type Schema,
} from "./schema-place.ts";

const mostNested = 64;
const mostSchemas = 1000;
const mostValues = 5000;

/** They say something about a schema, and nothing about what is valid. */
const annotations = new Set([
  "$schema",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "discriminator",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
]);
const combiners = ["$ref", "const", "enum", "anyOf", "oneOf", "allOf"] as const;

/**
 * A JSON schema (draft 2020-12) as a constraint: every answer that it lets through is valid, and where no such constraint
 * can be made, a keyword is refused by its path, never ignored. `path`: of the schema in the request.
 */
export function parseJsonSchema(schema: unknown, path: string): Constraint {
  const rules = new Rules();
  return rules.complete(compileJsonSchema(schema, path, rules));
}

/** The same as a part of a larger constraint. */
export function compileJsonSchema(schema: unknown, path: string, rules: Rules): Expression {
  return new SchemaCompiler(schema, path, rules).compile();
}

/** Any JSON object. */
export function anyJsonObject(): Constraint {
  return parseJsonSchema({ type: "object" }, "");
}

class SchemaCompiler {
  readonly #root: unknown;
  readonly #path: string;
  readonly #rules: Rules;
  readonly #work: SchemaWork;
  #depth = 0;
  #schemas = 0;
  #values = 0;

  constructor(root: unknown, path: string, rules: Rules) {
    this.#root = root;
    this.#path = path;
    this.#rules = rules;
    this.#work = { rules, compile: (inner, at) => this.#compile(inner, at) };
  }

  compile(): Expression {
    return this.#compile(this.#root, this.#path);
  }

  #compile(schema: unknown, path: string): Expression {
    if (++this.#schemas > mostSchemas) throw unsupported(path, `there are more than ${mostSchemas} schemas in it`);
    if (schema === true) return anyValue(this.#rules);
    if (!isObject(schema)) throw unsupported(path, "it is no JSON schema under which anything is valid");
    if (++this.#depth > mostNested) throw unsupported(path, `more than ${mostNested} schemas are in each other`);
    const compiled = this.#compileKnown({ schema, path });
    this.#depth--;
    return compiled;
  }

  #compileKnown(place: Place): Expression {
    const { schema, path } = place;
    const constraining = Object.keys(schema).filter(
      (key) => !isAnnotation(key) && !(key === "$id" && schema === this.#root),
    );
    const combiner = combiners.find((key) => constraining.includes(key));
    for (const key of constraining) {
      const isKnown = key === "type" || key === combiner || Object.hasOwn(keywordTypes, key);
      if (!isKnown && !combiners.some((known) => known === key))
        throw unsupported(`${path}.${key}`, "it cannot be enforced");
      const isTypeOfValues = key === "type" && (combiner === "const" || combiner === "enum");
      if (combiner !== undefined && key !== combiner && !isTypeOfValues)
        throw unsupported(`${path}.${key}`, `it cannot be enforced beside '${combiner}'`);
    }
    switch (combiner) {
      case "$ref":
        return this.#reference(place);
      case "const":
        return this.#oneOfValues(place, [schema["const"]]);
      case "enum":
        return this.#oneOfValues(place, keyword(place, "enum", kinds.list)!);
      case "anyOf":
      case "oneOf":
      case "allOf":
        return this.#combined(place, combiner);
      case undefined:
    }
    return this.#ofTypes(place);
  }

  #ofTypes(place: Place): Expression {
    const types = typesOf(place);
    if (types === undefined) return anyValue(this.#rules);
    return choice(...types.map((type) => this.#ofType(place, type)));
  }

  #ofType(place: Place, type: JsonType): Expression {
    switch (type) {
      case "object":
        return objectOf(place, this.#work);
      case "array":
        return arrayOf(place, this.#work);
      case "string":
        return stringOf(place, this.#work);
      case "number":
      case "integer":
        return numberOf(place, this.#rules, type);
      case "boolean":
        return boolean;
      case "null":
    }
    return text("null");
  }

  #oneOfValues(place: Place, values: readonly unknown[]): Expression {
    const { schema, path } = place;
    const types = Object.hasOwn(schema, "type") ? typesOf(place)! : undefined;
    const possible = values.filter((value) => types === undefined || types.some((type) => isOfType(value, type)));
    if (possible.length === 0) throw unsupported(path, "none of its values is of its type");
    if ((this.#values += possible.length) > mostValues)
      throw unsupported(path, `there are more than ${mostValues} values`);
    if (possible.some((value) => isDeeper(value, mostNested)))
      throw unsupported(path, `more than ${mostNested} values are in each other`);
    if (possible.some(hasInexact)) throw unsupported(path, "a number in it has more digits than can be kept apart");
    return choice(...possible.map((value) => text(literal(value))));
  }

  #combined(place: Place, combiner: "anyOf" | "oneOf" | "allOf"): Expression {
    const path = `${place.path}.${combiner}`;
    const schemas = keyword(place, combiner, kinds.list)!;
    if (schemas.length > mostSchemas) throw unsupported(path, `there are more than ${mostSchemas} schemas in it`);
    if (combiner === "allOf" && schemas.length > 1) throw unsupported(path, "only one schema in it can be enforced");
    if (combiner === "oneOf" && !areDisjoint(schemas.map((schema) => this.#resolved(schema)))) {
      const problem =
        "that only one of the schemas fits can be enforced if they have different types, or all require a property with different constants; or use 'anyOf'";
      throw unsupported(path, problem);
    }
    return choice(...schemas.map((schema, index) => this.#compile(schema, `${path}.${index}`)));
  }

  #reference(place: Place): Expression {
    const pointer = keyword(place, "$ref", kinds.string)!;
    const target = this.#find(pointer);
    if (target === undefined)
      throw unsupported(`${place.path}.$ref`, `'${pointer.slice(0, 100)}' is not in this schema`);
    const steps = pointer.slice(1).replaceAll("/", ".");
    return this.#rules.named(target, () => this.#compile(target, `${this.#path}${steps}`));
  }

  /** What a reference leads to, for a look. */
  #resolved(schema: unknown): unknown {
    const isReference = isObject(schema) && Object.hasOwn(schema, "$ref");
    return isReference ? this.#find(schema["$ref"]) : schema;
  }

  /** Follows a JSON pointer (RFC 6901) in a fragment: `#/$defs/name`. */
  #find(pointer: unknown): unknown {
    if (typeof pointer !== "string" || !/^#(\/|$)/.test(pointer)) return undefined;
    let found: unknown = this.#root;
    for (const step of pointer.split("/").slice(1)) {
      const key = decode(step).replaceAll("~1", "/").replaceAll("~0", "~");
      const isThere = typeof found === "object" && found !== null && Object.hasOwn(found, key);
      if (!isThere) return undefined;
      found = (found as Schema)[key];
    }
    return found;
  }
}

function isAnnotation(key: string): boolean {
  return annotations.has(key) || key.startsWith("x-");
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

/** What was read from JSON may not be what was written there. */
function hasInexact(value: unknown): boolean {
  if (typeof value === "number")
    return !Number.isFinite(value) || (/^-?\d+$/.test(`${value}`) && !Number.isSafeInteger(value));
  return typeof value === "object" && value !== null && Object.values(value).some(hasInexact);
}
