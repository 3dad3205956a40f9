import fc from "fast-check";
import { expect, test } from "vitest";
import { PrefixTree } from "./prefix-tree.ts";

interface Entry {
  readonly tokens: Int32Array;
  readonly length: number;
}

const entry = (tokens: readonly number[], length = tokens.length): Entry => ({
  tokens: Int32Array.from(tokens),
  length,
});

function aTree(...entries: readonly Entry[]): PrefixTree<Entry> {
  const tree = new PrefixTree<Entry>();
  for (const each of entries) tree.insert(each, each.tokens, each.length);
  tree.check();
  return tree;
}

function commonLength(a: Entry, b: Entry): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a.tokens[length] === b.tokens[length]) length++;
  return length;
}

/** Two letters and short words, so that many paths are one another's beginnings. What lies beyond `length` is noise. */
const path = fc
  .record({
    tokens: fc.array(
      fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 2 }) }, fc.constantFrom(-1, 2 ** 31 - 1)),
      {
        maxLength: 12,
      },
    ),
    beyond: fc.nat(3),
  })
  .map(({ tokens, beyond }) => ({ tokens, length: Math.max(0, tokens.length - beyond) }));

const operations = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("insert" as const), path }) },
    // Another item whose path is a part of one that is in, in the same array.
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("alias" as const), of: fc.nat(), length: fc.nat(12) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("ask" as const), path }) },
  ),
  { maxLength: 40 },
);

function expectMatches(tree: PrefixTree<Entry>, model: readonly Entry[], asked: Entry): void {
  const found = [...tree.matches(asked.tokens, asked.length)];
  const expected = model.map((item) => commonLength(item, asked)).filter((length) => length > 0);
  expect(found.map(({ length }) => length)).toEqual(expected.toSorted((a, b) => b - a));
  expect(new Set(found.map(({ item }) => item)).size).toBe(found.length);
  for (const { item, length } of found) {
    expect(model).toContain(item);
    expect(length).toBe(commonLength(item, asked));
  }
  // Of equally long matches the complete ones come first.
  const complete = found.map(({ item, length }) => 2 * length + Number(item.length === length));
  expect(complete).toEqual(complete.toSorted((a, b) => b - a));
}

function expectShared(tree: PrefixTree<Entry>, model: readonly Entry[]): void {
  for (const item of model) {
    const others = model.filter((other) => other !== item).map((other) => commonLength(item, other));
    expect(tree.sharedLength(item)).toBe(Math.max(0, ...others));
  }
}

test("for any insertions and removals it answers like a list that is searched from end to end", () => {
  fc.assert(
    fc.property(operations, (list) => {
      const tree = new PrefixTree<Entry>();
      const model: Entry[] = [];
      const add = (item: Entry) => {
        tree.insert(item, item.tokens, item.length);
        model.push(item);
      };
      for (const operation of list) {
        if (operation.kind === "insert") add(entry(operation.path.tokens, operation.path.length));
        else if (operation.kind === "ask")
          expectMatches(tree, model, entry(operation.path.tokens, operation.path.length));
        else if (model.length > 0 && operation.kind === "alias") {
          const { tokens, length } = model[operation.of % model.length]!;
          add({ tokens, length: Math.min(length, operation.length) });
        } else if (model.length > 0 && operation.kind === "remove") {
          const [item] = model.splice(operation.at % model.length, 1);
          expect(tree.remove(item!)).toBe(true);
          expect(tree.remove(item!)).toBe(false);
          // Its array is used for something else, unless another item has it too.
          if (!model.some(({ tokens }) => tokens === item!.tokens)) item!.tokens.fill(99);
        }
        tree.check();
        expect(tree.size).toBe(model.length);
        for (const asked of model) expectMatches(tree, model, asked);
        expectShared(tree, model);
      }
    }),
    { numRuns: 500 },
  );
});

test("the best match comes first, and who stops there reads no further", () => {
  const [long, short, other] = [entry([1, 2, 3, 4, 5]), entry([1, 2, 3]), entry([1, 7])];
  const tree = aTree(other, long, short);
  const [first] = tree.matches(Int32Array.of(1, 2, 3, 4, 9), 5);
  expect(first).toEqual({ item: long, length: 4 });
  const ask = (...tokens: number[]) => [...tree.matches(Int32Array.from(tokens), tokens.length)];
  expect(ask(1, 2, 3)).toEqual([
    { item: short, length: 3 },
    { item: long, length: 3 },
    { item: other, length: 1 },
  ]);
  expect(ask(2)).toEqual([]);
  expect(ask()).toEqual([]);
});

test("what an item shares ends where the last other path leaves its own", () => {
  const [a, b, c] = [entry([1, 2, 3, 4]), entry([1, 2, 9]), entry([1, 2])];
  const tree = aTree(a, b, c);
  expect([a, b, c].map((item) => tree.sharedLength(item))).toEqual([2, 2, 2]);
  tree.remove(b);
  tree.remove(c);
  expect(tree.sharedLength(a)).toBe(0);
});

test("an item that is removed may use its array again", () => {
  const [first, second, third] = [entry([1, 2, 3, 4, 5]), entry([1, 2, 3, 4, 6]), entry([1, 2, 8])];
  const tree = aTree(first, second, third); // the edges are those of the first
  tree.remove(first);
  first.tokens.fill(0);
  tree.check();
  expect([...tree.matches(Int32Array.of(1, 2, 3, 4, 5), 5)]).toEqual([
    { item: second, length: 4 },
    { item: third, length: 2 },
  ]);
});

test("the caller's mistakes are errors", () => {
  const item = entry([1, 2]);
  const tree = aTree(item);
  expect(() => tree.insert(item, item.tokens, 1)).toThrow("in the tree already");
  expect(() => tree.insert(entry([]), item.tokens, 3)).toThrow("a path of 3 of 2 tokens");
  expect(() => tree.sharedLength(entry([1, 2]))).toThrow("not in the tree");
});
