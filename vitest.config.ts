import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const builtEntryPoint = fileURLToPath(new URL("test/built-entry-point.ts", import.meta.url));

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "page/*.test.ts", "test/*.test.ts", "bench/*.test.ts"],
          testTimeout: 30_000, // a property on a busy machine
        },
      },
      {
        resolve: { alias: [{ find: "./entry-point.ts", replacement: builtEntryPoint }] },
        test: {
          name: "contract",
          include: ["test/contracts/*.test.ts"],
          testTimeout: 60_000,
          fileParallelism: false,
          globalSetup: "test/build.ts",
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/*.test.ts", "test/compat/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          globalSetup: "test/build.ts",
        },
      },
    ],
  },
});
