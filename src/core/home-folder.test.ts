import { join } from "node:path";
import { expect, test } from "vitest";
import { millraceHome } from "./home-folder.ts";

test("the folder of what is kept: named, or where this system keeps a user's data", () => {
  const variable = process.platform === "win32" ? "LOCALAPPDATA" : "XDG_DATA_HOME";
  expect(millraceHome({ MILLRACE_HOME: "/a", [variable]: "/b" })).toBe("/a");
  expect(millraceHome({ [variable]: "/b" })).toBe(join("/b", "millrace"));
  expect(millraceHome({ MILLRACE_HOME: "", [variable]: "" })).toMatch(/[/\\]\.local[/\\]share[/\\]millrace$/);
});
