import { systemFunction } from "./native.ts";
import { openLibrary, platformDirectory } from "./platform-library.ts";

/**
 * Ends the library's messages on stderr for this process. They go to a function of the C library that does nothing with
 * them: a JavaScript function would be called on the library's own threads.
 */
export function silenceNativeLog(): void {
  openLibrary(platformDirectory()).setLog(systemFunction("abs"), null);
}
