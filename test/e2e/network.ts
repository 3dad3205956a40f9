import { spawnSync } from "node:child_process";

/** The package registry answers. Tests that install or pull are left out without it, so that the rest runs offline. */
export const online =
  spawnSync("npm", ["ping", "--fetch-timeout=5000", "--fetch-retries=0", "--loglevel=error"], { timeout: 15_000 })
    .status === 0;
