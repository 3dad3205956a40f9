import { expect, test } from "vitest";
import { diedByItself, exitInWords } from "./exit-in-words.ts";

const anEnd = { code: null, signal: null, killedFor: undefined, lastWords: undefined, memory: undefined };

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
  [
    { ...anEnd, signal: "SIGKILL" as const },
    "its process died of SIGKILL (killed from outside; the system does that when memory runs out)",
  ],
  [
    { ...anEnd, signal: "SIGKILL" as const, memory: { resident: 2 ** 30, limit: 2 ** 31, ranOut: true } },
    "its process died of SIGKILL (the system killed it because memory ran out; it held 1.0 GiB of 2.0 GiB: serve fewer requests at once (--parallel), a shorter --context, or a smaller quantization of the model)",
  ],
  [
    { ...anEnd, signal: "SIGKILL" as const, memory: { resident: 2 ** 30, limit: 2 ** 31, ranOut: false } },
    "its process died of SIGKILL (killed from outside, not for lack of memory)",
  ],
])("%j", (end, words) => {
  expect(exitInWords(end)).toBe(words);
});

test("a kill from outside says nothing about requests; a native fault, ours and the lack of memory do", () => {
  const memory = { resident: undefined, limit: 1 };
  expect(diedByItself({ ...anEnd, signal: "SIGKILL", memory: { ...memory, ranOut: false } })).toBe(false);
  expect(diedByItself({ ...anEnd, signal: "SIGTERM" })).toBe(false);
  expect(diedByItself({ ...anEnd, signal: "SIGKILL", memory: { ...memory, ranOut: true } })).toBe(true);
  expect(diedByItself({ ...anEnd, signal: "SIGKILL", killedFor: "it hung" })).toBe(true);
  expect(diedByItself({ ...anEnd, signal: "SIGSEGV" })).toBe(true);
  expect(diedByItself({ ...anEnd, code: 1 })).toBe(true);
});
