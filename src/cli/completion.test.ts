import { spawnSync } from "node:child_process";
import { expect, test, vi } from "vitest";
import { runCommandLine } from "./program.ts";

async function scriptFor(shell: string): Promise<string> {
  let script = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => (script += String(text)) !== "");
  expect(await runCommandLine(["completion", shell])).toBe(0);
  write.mockRestore();
  return script;
}

const inBash = (script: string) => spawnSync("bash", ["-c", script], { encoding: "utf8" });

test.skipIf(inBash(":").status !== 0)("bash completes commands, options and choices", async () => {
  const script = await scriptFor("bash");
  const complete = (...words: string[]) => {
    const line = words.map((word) => `'${word}'`).join(" ");
    const asked = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _millrace; echo "\${COMPREPLY[*]}"`;
    return inBash(`${script}\n${asked}`).stdout.trim();
  };
  expect(complete("millrace", "ser")).toBe("serve");
  expect(complete("millrace", "run", "--temp")).toBe("--temperature");
  expect(complete("millrace", "run", "--system", "x", "--se")).toBe("--seed");
  expect(complete("millrace", "completion", "f")).toBe("fish");
});

test("each shell has a script that names each command", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const script = await scriptFor(shell);
    for (const name of ["serve", "chat", "run", "quantize", "doctor"]) expect(script).toContain(name);
  }
  expect(await scriptFor("zsh")).toContain("bashcompinit");
});
