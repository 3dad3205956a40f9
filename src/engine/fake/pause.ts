const parked = new Int32Array(new SharedArrayBuffer(4));
const sliceMs = 1;

/**
 * Blocks the thread without using the CPU. 1 when `ms` are over; when `flag` was set before, the fraction that passed,
 * which is less.
 */
export function pause(ms: number, flag: Uint8Array): number {
  const start = performance.now();
  for (;;) {
    const passed = performance.now() - start;
    if (Atomics.load(flag, 0) !== 0) return ms === 0 ? 0 : Math.min(passed / ms, 0.999);
    if (passed >= ms) return 1;
    Atomics.wait(parked, 0, 0, Math.min(sliceMs, ms - passed));
  }
}
