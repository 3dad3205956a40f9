import { expect, test } from "vitest";
import { exitInWords } from "./exit-in-words.ts";

const anEnd = { code: null, signal: null, killedFor: undefined, lastWords: undefined };

test.each([
  [{ ...anEnd, code: 7 }, "its process exited with code 7"],
  [
    { ...anEnd, signal: "SIGABRT" as const, lastWords: "ggml.c:12: GGML_ASSERT(n > 0) failed" },
    "its process died of SIGABRT (native code gave up): ggml.c:12: GGML_ASSERT(n > 0) failed",
  ],
  [{ ...anEnd, signal: "SIGUSR2" as const }, "its process died of SIGUSR2"],
  [
    { ...anEnd, signal: "SIGKILL" as const, killedFor: "a step did not end within 30 s", lastWords: "noise" },
    "its process was ended because a step did not end within 30 s",
  ],
])("%j", (end, words) => {
  expect(exitInWords(end)).toBe(words);
});
