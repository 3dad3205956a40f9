import { expect, test } from "vitest";
import { requireSupportedVersion } from "./native.ts";

test("only versions whose structs are known are accepted", () => {
  for (const version of ["0.4.0", "0.5.0", "0.5.0-dev"]) expect(() => requireSupportedVersion(version)).not.toThrow();
  for (const version of ["0.3.9", "0.5.1", "0.5.01", "0.6.0", "b4567", ""]) {
    expect(() => requireSupportedVersion(version)).toThrow(`llama.cpp ${version} is not supported`);
  }
});
