import { expect, test } from "vitest";
import { freeStateBuffer, stateBuffer } from "./state-buffer.ts";

test("a freed buffer has no memory; of others only their own kind is freed", () => {
  const buffer = stateBuffer(1 << 20);
  const bytes = new Uint8Array(buffer, 0, 1000).fill(7);
  expect([buffer.byteLength, bytes.length]).toEqual([1 << 20, 1000]);
  freeStateBuffer(buffer);
  expect([buffer.byteLength, bytes.length]).toEqual([0, 0]);
  for (const other of [new ArrayBuffer(10), new SharedArrayBuffer(10)]) {
    freeStateBuffer(other);
    expect(other.byteLength).toBe(10);
  }
});
