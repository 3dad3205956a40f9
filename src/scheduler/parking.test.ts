import fc from "fast-check";
import { expect, test } from "vitest";
import { stateBuffer } from "../core/state-buffer.ts";
import type { SavedSequence } from "../engine/engine.ts";
import { ParkingLot } from "./parking.ts";

const bufferStep = 16;

const sizeOf = (saved: SavedSequence): number => saved.bytes.buffer.byteLength;

/** As the engine does it: `into` is used again if it is large enough, and new buffers have room in steps. */
function save(
  length: number,
  { size = 4 * length, into }: { size?: number; into?: SavedSequence } = {},
): SavedSequence {
  const roomy = into !== undefined && sizeOf(into) >= size;
  const buffer = roomy ? into.bytes.buffer : stateBuffer(Math.ceil(size / bufferStep) * bufferStep);
  return { length, bytes: new Uint8Array(buffer, 0, size) };
}

const operations = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("park" as const),
        tokens: fc.nat(60),
        // States are not proportional to their tokens: predictions are off.
        extra: fc.nat(30),
        asks: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const), at: fc.nat() }) },
  ),
  { maxLength: 60 },
);

test("for any use of it the budget holds, and what is parked is never given to another state", () => {
  fc.assert(
    fc.property(operations, fc.nat(1000), (list, budget) => {
      const lot = new ParkingLot(budget);
      const parked: SavedSequence[] = [];
      const checkLaw = () => {
        expect(lot.parkedBytes).toBe(parked.reduce((sum, saved) => sum + sizeOf(saved), 0));
        expect(lot.pooledBytes).toBeGreaterThanOrEqual(0);
        expect(lot.parkedBytes + lot.pooledBytes).toBeLessThanOrEqual(budget);
      };
      for (const operation of list) {
        if (operation.kind === "release") {
          const [saved] = parked.splice(operation.at % Math.max(1, parked.length), 1);
          if (saved !== undefined) lot.release(saved);
        } else {
          const { tokens, extra, asks } = operation;
          const size = 4 * tokens + extra;
          const predicted = lot.bytesFor(tokens) ?? size;
          const pooled = lot.pooledBytes;
          const into = asks ? lot.take(predicted) : undefined;
          checkLaw();
          if (into !== undefined) {
            expect(sizeOf(into)).toBeGreaterThanOrEqual(predicted);
            expect(sizeOf(into)).toBeLessThanOrEqual(2 * predicted);
            expect(lot.pooledBytes).toBe(pooled - sizeOf(into));
            expect(parked.some(({ bytes }) => bytes.buffer === into.bytes.buffer)).toBe(false);
          } else if (asks && lot.fits(predicted)) {
            expect(lot.parkedBytes + lot.pooledBytes + predicted).toBeLessThanOrEqual(budget);
          }
          const saved = save(tokens, { size, into });
          const fits = lot.fits(sizeOf(saved));
          expect(lot.add(saved)).toBe(fits);
          if (fits) parked.push(saved);
        }
        checkLaw();
      }
    }),
    { numRuns: 1000 },
  );
});

test("a buffer that was given back is used again by a state that fills half of it or more", () => {
  const lot = new ParkingLot(1000);
  const saved = save(40); // 160 bytes
  expect(lot.add(saved)).toBe(true);
  expect(lot.take(160)).toBeUndefined();
  lot.release(saved);
  expect([lot.parkedBytes, lot.pooledBytes]).toEqual([0, 160]);
  expect(lot.take(79)).toBeUndefined();
  expect(lot.take(161)).toBeUndefined();
  expect(lot.take(80)).toBe(saved);
  expect(lot.take(80)).toBeUndefined();
  expect(lot.add(save(20, { into: saved }))).toBe(true);
  expect(lot.parkedBytes).toBe(160); // the room in it counts
});

test("of the buffers that fit, the smallest is taken", () => {
  const lot = new ParkingLot(1000);
  const sizes = [40, 24, 32].map((tokens) => save(tokens));
  for (const saved of sizes) lot.add(saved);
  for (const saved of sizes) lot.release(saved);
  expect(lot.take(100)).toBe(sizes[2]);
});

test("pooled buffers make room, the oldest first; parked states do not", () => {
  const lot = new ParkingLot(480);
  const [first, second, third] = [save(40), save(40), save(40)];
  for (const saved of [first, second, third]) expect(lot.add(saved)).toBe(true);
  expect(lot.fits(1)).toBe(false);
  expect(lot.add(save(1))).toBe(false);
  lot.release(second);
  lot.release(first);
  expect(lot.fits(320)).toBe(true);
  expect(lot.take(321)).toBeUndefined(); // there is no room for it: nothing is given up
  expect(lot.pooledBytes).toBe(320);
  expect(lot.take(64)).toBeUndefined();
  expect(lot.pooledBytes).toBe(160);
  expect([sizeOf(first), sizeOf(second)]).toEqual([160, 0]); // its memory is given back
  expect(lot.take(100)).toBe(first);
});

test("the next state's size is predicted from the latest of about its length", () => {
  const lot = new ParkingLot(10);
  expect(lot.bytesFor(5)).toBeUndefined();
  lot.add(save(0));
  expect(lot.bytesFor(5)).toBeUndefined();
  lot.add(save(100, { size: 1000 })); // what does not fit teaches, too
  expect(lot.bytesFor(5)).toBe(50);
  lot.add(save(1000, { size: 4000 }));
  expect([lot.bytesFor(50), lot.bytesFor(900), lot.bytesFor(2000)]).toEqual([500, 3600, 8000]);
  for (let i = 0; i < 16; i++) lot.add(save(100, { size: 700 }));
  expect([lot.bytesFor(100), lot.bytesFor(1000)]).toEqual([700, 7000]);
});

test("booking a buffer twice and giving back what is not parked are errors", () => {
  const lot = new ParkingLot(1000);
  const saved = save(10);
  lot.add(saved);
  expect(() => lot.add(save(5, { into: saved }))).toThrow("in use for another one");
  lot.release(saved);
  expect(() => lot.add(saved)).toThrow("in use for another one");
  expect(() => lot.release(saved)).toThrow("a state of 10 tokens is not parked");
});
