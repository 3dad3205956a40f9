import { expect, test } from "vitest";
import { formatBytes } from "./format-bytes.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [98_362_432, "93.8 MiB"],
  [2 ** 40 * 3000, "3000 TiB"],
])("%d", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
