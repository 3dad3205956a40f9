import { expect, test } from "vitest";
import { childEnvironment } from "./child-environment.ts";

test("only what is needed is passed on", () => {
  const environment = {
    PATH: "/bin",
    HOME: "/root",
    XDG_CACHE_HOME: "/cache",
    MILLRACE_HOME: "/m",
    MILLRACE_API_KEYS: "secret",
    HF_TOKEN: "secret",
    AWS_SECRET_ACCESS_KEY: "secret",
    NODE_OPTIONS: "--require /evil.js",
    LD_PRELOAD: "/evil.so",
    SystemRoot: "C:\\Windows",
  };
  expect(childEnvironment(environment)).toEqual({
    PATH: "/bin",
    HOME: "/root",
    XDG_CACHE_HOME: "/cache",
    MILLRACE_HOME: "/m",
    SystemRoot: "C:\\Windows",
    GGML_NO_BACKTRACE: "1",
  });
});
