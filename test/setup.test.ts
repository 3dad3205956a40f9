import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { expect, test } from "vitest";

/** An npm that "installs" one package and the real compilers, and counts its calls in `calls`. */
const fakeNpm = `#!/usr/bin/env node
import * as fs from "node:fs";
fs.appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
if (fs.existsSync("offline")) process.exit(1);
fs.rmSync("node_modules", { recursive: true, force: true });
fs.mkdirSync("node_modules/thing", { recursive: true });
fs.writeFileSync("node_modules/thing/package.json", "{}");
for (const name of ["typescript", "@types", "esbuild", "@esbuild"]) {
  fs.symlinkSync(${JSON.stringify(resolve("node_modules"))} + "/" + name, "node_modules/" + name);
}
fs.writeFileSync("node_modules/.package-lock.json", fs.readFileSync("package-lock.json"));
`;

const program = "#!/usr/bin/env node\nexport const answer: number = 42;\n";

const lockOf = (version: string): string => JSON.stringify({ packages: { "node_modules/thing": { version } } });

/** A small checkout that closes itself. */
function aCheckout() {
  const root = mkdtempSync(join(tmpdir(), "millrace-setup-"));
  const file = (path: string, text: string) => writeFileSync(join(root, path), text);
  for (const folder of ["scripts", "src/host", "src/engine/llama", "page", "bin"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const script of ["scripts/setup.mjs", "scripts/bundle.mjs"]) copyFileSync(script, join(root, script));
  for (const path of ["tsconfig.json", "tsconfig.build.json", "page/tsconfig.json"])
    copyFileSync(path, join(root, path));
  file("package.json", '{"type": "module"}');
  file("package-lock.json", lockOf("1.0.0"));
  file("src/main.ts", program);
  for (const name of ["engine-process", "service-worker", "text-worker", "quantize-process", "engine-host"])
    file(`src/host/${name}.ts`, "export {};\n");
  file("src/engine/llama/probe-variant.ts", "export {};\n");
  file("page/main.ts", "document.title = String(1);\n");
  file("page/index.html", "<title>page</title>");
  file("bin/npm", fakeNpm);
  chmodSync(join(root, "bin/npm"), 0o755);
  const { npm_execpath: _, ...env } = process.env;
  const options = { cwd: root, env: { ...env, PATH: `${join(root, "bin")}${delimiter}${process.env["PATH"]}` } };
  return {
    root,
    file,
    installs: () =>
      existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").match(/\n/g)!.length : 0,
    built: (path: string) => existsSync(join(root, "dist", path)),
    main: () => readFileSync(join(root, "dist/main.js"), "utf8"),
    setUp(...args: string[]) {
      const done = spawnSync(process.execPath, ["scripts/setup.mjs", ...args], { ...options, encoding: "utf8" });
      return { status: done.status, output: done.stdout + done.stderr };
    },
    start: () => spawn(process.execPath, ["scripts/setup.mjs"], { ...options, stdio: "ignore" }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

const silent = { status: 0, output: "" };

test("installs and builds once, then does nothing; a change does only what it asks for", { timeout: 60_000 }, () => {
  using checkout = aCheckout();
  expect(checkout.setUp()).toMatchObject({ status: 0, output: expect.stringMatching(/Installing .*\nBuilding/) });
  expect(checkout.main()).toMatch(/^#!\/usr\/bin\/env node\n/);
  if (process.platform !== "win32") expect(statSync(join(checkout.root, "dist/main.js")).mode & 0o111).toBe(0o111);
  expect(checkout.setUp()).toEqual(silent);

  checkout.file("src/main.ts", `${program}export * from "./other.ts";\n`);
  checkout.file("src/other.ts", "export const other = 1234;\n");
  checkout.file("src/other.test.ts", "not even TypeScript(");
  expect(checkout.setUp()).toEqual({ status: 0, output: "Building ...\n" });
  expect(checkout.main()).toContain("1234");
  expect(["bundle/engine-process.js", "licences.txt"].map(checkout.built)).toEqual([true, true]);
  expect(["main.js", "index.html", "tsconfig.json"].map((name) => checkout.built(`page/${name}`))).toEqual([
    true,
    true,
    false,
  ]);
  checkout.file("src/main.ts", program);
  rmSync(join(checkout.root, "src/other.ts"));
  expect(checkout.setUp()).toEqual({ status: 0, output: "Building ...\n" });
  expect(checkout.main()).not.toContain("1234");

  expect(checkout.setUp("--build")).toEqual({ status: 0, output: "Building ...\n" });
  expect(checkout.installs()).toBe(1);
  checkout.file("package-lock.json", lockOf("1.0.1"));
  expect(checkout.setUp()).toMatchObject({ status: 0, output: expect.stringMatching(/Installing .*\nBuilding/) });
  expect(checkout.installs()).toBe(2);
});

test("a set-up that was interrupted or damaged is done again; what npm did by hand counts", { timeout: 60_000 }, () => {
  using checkout = aCheckout();
  mkdirSync(join(checkout.root, "node_modules/thing"), { recursive: true });
  mkdirSync(join(checkout.root, "dist"));
  checkout.file("dist/main.js", "half");
  checkout.setUp();
  expect(checkout.installs()).toBe(1);
  expect(checkout.main()).toContain("42");

  rmSync(join(checkout.root, "node_modules/thing"), { recursive: true });
  checkout.setUp();
  expect(checkout.installs()).toBe(2);

  rmSync(join(checkout.root, "node_modules/.millrace-setup"));
  expect(checkout.setUp()).toEqual(silent);
  rmSync(join(checkout.root, "dist"), { recursive: true });
  expect(checkout.setUp()).toEqual({ status: 0, output: "Building ...\n" });
  expect(checkout.installs()).toBe(2);
});

test("without a network: an error that says so, nothing when nothing is missing", { timeout: 60_000 }, () => {
  using checkout = aCheckout();
  checkout.file("offline", "");
  expect(checkout.setUp()).toMatchObject({
    status: 1,
    output: expect.stringMatching(/error: npm ci failed.*registry/),
  });
  rmSync(join(checkout.root, "offline"));
  checkout.setUp();
  checkout.file("offline", "");
  expect(checkout.setUp()).toEqual(silent);
});

test("a type error fails the set-up and leaves the last build alone", { timeout: 60_000 }, () => {
  using checkout = aCheckout();
  checkout.setUp();
  appendFileSync(join(checkout.root, "src/main.ts"), 'export const wrong: number = "1";\n');
  expect(checkout.setUp()).toMatchObject({
    status: 1,
    output: expect.stringMatching(/main\.ts.*\n[^]*The build failed/),
  });
  expect(checkout.main()).not.toContain("wrong");
});

test("two at once install once; the lock of a process that is gone does not count", { timeout: 60_000 }, async () => {
  using checkout = aCheckout();
  const both = [checkout.start(), checkout.start()];
  const ends = await Promise.all(both.map((child) => once(child, "exit")));
  expect(ends.map(([code]) => code as number)).toEqual([0, 0]);
  expect(checkout.installs()).toBe(1);
  checkout.file(".cache/setup.lock", "999999999");
  expect(checkout.setUp("--build").status).toBe(0);
  expect(existsSync(join(checkout.root, ".cache/setup.lock"))).toBe(false);
});
