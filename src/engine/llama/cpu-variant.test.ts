import { expect, test } from "vitest";
import { probeVariant } from "./cpu-variant.ts";

/** A probe that knows three variants, of which some die by SIGILL as a hidden instruction makes them do. */
function aProbe(dying: readonly string[]): string[] {
  const source = `
    const leftOut = process.argv[2].split(",");
    const best = ["zen4", "haswell", "x64"].find((variant) => !leftOut.includes(variant));
    if (best === undefined) process.exit(0);
    require("node:fs").writeSync(1, best);
    if (${JSON.stringify(dying)}.includes(best)) process.kill(process.pid, "SIGILL");
    setTimeout(() => {}, 50);`;
  return [process.execPath, "-e", source];
}

test("the best variant that does not die is taken", () => {
  expect(probeVariant("folder", aProbe([]))).toBe("zen4");
  expect(probeVariant("folder", aProbe(["zen4"]))).toBe("haswell");
  expect(probeVariant("folder", aProbe(["zen4", "haswell"]))).toBe("x64");
});

test("when every variant dies, the error names them", () => {
  const probe = aProbe(["zen4", "haswell", "x64"]);
  expect(() => probeVariant("folder", probe)).toThrow(/no CPU variant .*zen4, haswell, x64/);
});

test("a probe that cannot start is an error, not a verdict", () => {
  expect(() => probeVariant("folder", [process.execPath, "/no/such/probe.js"])).toThrow(/no CPU variant/);
});
