import { expect, test } from "vitest";
import { MergedStreams } from "./merged-streams.ts";

/** Gives what is said, until it ends or fails. */
function aSource() {
  const calls: string[] = [];
  let give: (result: IteratorResult<string>) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const next = () => {
    calls.push("next");
    return new Promise<IteratorResult<string>>((resolve, reject) => ([give, fail] = [resolve, reject]));
  };
  const back = async () => {
    calls.push("return");
    throw new Error("nobody hears it");
  };
  return {
    calls,
    stream: { [Symbol.asyncIterator]: () => ({ next, return: back }) },
    say: (value: string) => give({ done: false, value }),
    end: () => give({ done: true, value: undefined }),
    fail: (error: Error) => fail(error),
  };
}

test("items come as they arrive, each stream one ahead of its reader", async () => {
  const [a, b] = [aSource(), aSource()];
  const merged = new MergedStreams<string, string>();
  merged.add("a", a.stream);
  merged.add("b", b.stream);
  const first = merged.next();
  b.say("1");
  expect(await first).toEqual({ key: "b", item: "1" });
  a.say("2");
  b.say("3");
  await Promise.resolve();
  expect([a.calls, b.calls]).toEqual([["next"], ["next", "next"]]);
  expect([await merged.next(), await merged.next()].map((said) => said?.item)).toEqual(["2", "3"]);
  a.end();
  b.end();
  expect(await merged.next()).toBeUndefined();
  expect(merged.close()).toBe(false);
  expect([...a.calls, ...b.calls]).not.toContain("return");
});

test("the error of one is thrown, and the others can be ended", async () => {
  const [a, b] = [aSource(), aSource()];
  const merged = new MergedStreams<string, string>();
  merged.add("a", a.stream);
  merged.add("b", b.stream);
  a.fail(new Error("died"));
  await expect(merged.next()).rejects.toThrow("died");
  expect(merged.close()).toBe(true);
  expect([a.calls, b.calls]).toEqual([["next"], ["next", "return"]]);
  expect(await merged.next()).toBeUndefined();
});
