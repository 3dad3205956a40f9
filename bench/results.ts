import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as z from "zod";
import type { LoadSample } from "../src/bench/load-result.ts";
import type { Turn } from "./targets/row.ts";
import type { Requirement } from "./targets/verdict.ts";

/** What figures need beside them to mean something: the machine, the date, what was asked for. */
export type Facts = Readonly<Record<string, string | number>>;

/** A row of the targets, as it was measured. */
export interface MeasuredRow {
  readonly number: number;
  readonly title: string;
  readonly facts: Facts;
  /** Metrics to print. */
  readonly shown: readonly string[];
  /** The n-th turns of all variants are of the same round. */
  readonly variants: Readonly<Record<string, readonly Turn[]>>;
  readonly requirements: readonly Requirement[];
}

/** What a step was predicted to take, and took, in ms. */
export interface Prediction {
  /** "decodes" */
  readonly kind: string;
  readonly predicted: number;
  readonly measured: number;
}

/** What benchmarks that run for hours put together piece by piece, in one file. */
export interface Results {
  readonly rows: readonly MeasuredRow[];
  /** Of the scheduler's cost model. */
  readonly predictions?: { readonly facts: Facts; readonly steps: readonly Prediction[] } | undefined;
}

/** JSON has no NaN, which a figure is of which nothing is known. */
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const facts = z.record(z.string(), z.union([z.string(), z.number()]));

const sample = z
  .strictObject({
    startedAt: z.number(),
    chunksAt: z.array(z.number()),
    e2e: z.number(),
    promptTokens: z.number(),
    cachedTokens: z.number().optional(),
    completionTokens: z.number(),
    problem: z.string().optional(),
  })
  .transform((one): LoadSample => ({ cachedTokens: undefined, problem: undefined, ...one }));

const row: z.ZodType<MeasuredRow> = z.strictObject({
  number: z.number(),
  title: z.string(),
  facts,
  shown: z.array(z.string()),
  variants: z.record(
    z.string(),
    z.array(
      z.strictObject({
        metrics: z.record(z.string(), figure),
        loads: z.record(z.string(), z.array(sample)).optional(),
      }),
    ),
  ),
  requirements: z.array(
    z.strictObject({
      of: z.string(),
      values: z.array(figure),
      unit: z.string(),
      target: z.union([z.strictObject({ atLeast: z.number() }), z.strictObject({ atMost: z.number() })]),
    }),
  ),
});

const prediction: z.ZodType<Prediction> = z.strictObject({
  kind: z.string(),
  predicted: z.number(),
  measured: z.number(),
});

const results: z.ZodType<Results> = z.strictObject({
  rows: z.array(row),
  predictions: z.strictObject({ facts, steps: z.array(prediction) }).optional(),
});

/** Throws if there is no such file, or it holds something else. */
export function readResults(file: string): Results {
  try {
    return results.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new Error(`${file} holds no results of these benchmarks`, { cause });
  }
}

/** Puts results beside those that a file holds, in the place of older ones of the same rows. Gives all. */
export function mergeIntoFile(file: string, news: Partial<Results>): Results {
  const all = mergeResults(existsSync(file) ? readResults(file) : { rows: [] }, news);
  writeFileSync(file, JSON.stringify(all, toMicroseconds));
  return all;
}

export function mergeResults(old: Results, news: Partial<Results>): Results {
  const rows = new Map([...old.rows, ...(news.rows ?? [])].map((one) => [one.number, one]));
  return { ...old, ...news, rows: [...rows.values()].toSorted((a, b) => a.number - b.number) };
}

/** More digits mean nothing. */
function toMicroseconds(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toFixed(3)) : value;
}
