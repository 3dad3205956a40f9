import { readFileSync, statSync } from "node:fs";
import { failure } from "../core/errors.ts";

const maxFileBytes = 100_000;

/** The text of a file that a person wrote; throws `invalid_config`. */
export function readConfigFile(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error("it is a folder");
    if (stat.size > maxFileBytes) throw new Error(`it is larger than ${maxFileBytes} bytes`);
    return readFileSync(path, "utf8");
  } catch (error) {
    const problem = `cannot read the configuration file ${path}: ${(error as Error).message}`;
    throw failure("invalid_config", { problem }, error);
  }
}
