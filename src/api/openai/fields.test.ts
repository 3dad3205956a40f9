import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { integerFrom, listOf, tokenIdsField } from "./fields.ts";

const each = listOf(integerFrom(0, 2 ** 31 - 1, "a token id"), "an array of token ids", { most: 5 });
const together = tokenIdsField("an array of token ids", { most: 5 });

test("token ids are judged together as they would be one by one", () => {
  const value = fc.oneof(
    { weight: 6, arbitrary: fc.nat() },
    fc.constantFrom(-1, -0, 1.5, 2 ** 31 - 1, 2 ** 31, NaN, null, undefined, "7", [7], {}),
  );
  fc.assert(
    fc.property(fc.oneof(fc.array(value, { maxLength: 8 }), value), (ids) => {
      expect(z.safeParse(together, ids)).toEqual(z.safeParse(each, ids));
    }),
  );
});
