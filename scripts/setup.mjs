// Brings node_modules and dist up to date, and does nothing when they are. Runs before `npm start` and `npm test`, so it
// may use nothing but Node itself. `--build` builds in any case.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const lockFile = join(root, ".cache", "setup.lock");
const installStamp = join(root, "node_modules", ".millrace-setup");
const buildStamp = join(root, "dist", ".millrace-build");

checkNode();
const build = process.argv.includes("--build");
if (build || !isInstalled() || !isBuilt()) {
  lock();
  // Looked at again: another set-up may have done it while this one waited.
  if (!isInstalled()) install();
  if (build || !isBuilt()) await compile();
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Millrace needs Node 20.19 or newer; this is Node ${process.versions.node}. See https://nodejs.org`);
}

/** What was asked for is what npm last installed, and nothing of it was deleted since. */
function isInstalled() {
  const installed = readJson(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return false; // npm writes this file last
  if (!Object.keys(installed.packages).every((path) => existsSync(join(root, path, "package.json")))) return false;
  const wanted = installHash();
  if (readText(installStamp) === wanted) return true;
  if (missingPackages(installed).length > 0) return false;
  writeFileSync(installStamp, wanted); // somebody ran npm by hand, and that is as good
  return true;
}

/** Packages of the lockfile that belong on this machine and are not there in that version. */
function missingPackages(installed) {
  const wanted = readJson(join(root, "package-lock.json"))?.packages ?? {};
  return Object.keys(wanted).filter((path) => {
    if (path === "" || installed.packages[path]?.version === wanted[path].version) return false;
    // npm passes over optional packages that it could not fetch; one made for this machine is missed all the same.
    const { optional, os, cpu } = wanted[path];
    return optional !== true || ((os ?? cpu) !== undefined && fitsThisMachine(wanted[path]));
  });
}

function fitsThisMachine({ os = [], cpu = [], libc = [] }) {
  return allows(os, process.platform) && allows(cpu, process.arch) && allows(libc, isMusl() ? "musl" : "glibc");
}

function allows(list, value) {
  return list.length === 0 || list.includes(value);
}

function isMusl() {
  return process.platform === "linux" && readdirSync("/lib").some((name) => name.startsWith("ld-musl-"));
}

function install() {
  say("Installing packages (npm ci) ...");
  // All that could leave out the compiler is overruled (NODE_ENV=production, omit=dev).
  const options = ["ci", "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  const { error, status } = npm([...options, "--loglevel=error"]);
  if (error !== undefined || status !== 0) {
    fail(`npm ci failed${error === undefined ? "" : `: ${error.message}`}. The first set-up needs the npm registry.`);
  }
  const installed = readJson(join(root, "node_modules", ".package-lock.json"));
  const missing = installed === undefined ? ["node_modules"] : missingPackages(installed);
  if (missing.length > 0) fail(`npm could not install ${missing.join(", ")}; check the network and try again.`);
  writeFileSync(installStamp, installHash());
}

function npm(args) {
  const options = { cwd: root, stdio: ["ignore", "ignore", "inherit"] };
  const runningNpm = process.env.npm_execpath; // set when npm runs this script
  if (runningNpm?.endsWith("npm-cli.js")) return spawnSync(process.execPath, [runningNpm, ...args], options);
  return spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
}

function isBuilt() {
  return existsSync(join(root, "dist", "main.js")) && readText(buildStamp) === buildHash();
}

/** Compiles beside dist and then swaps: dist is whole at any time, and nothing stale stays in it. */
async function compile() {
  say("Building ...");
  const fresh = join(root, ".cache", "dist-new");
  const old = join(root, ".cache", "dist-old");
  rmSync(fresh, { recursive: true, force: true });
  const hash = buildHash();
  runCompiler("tsconfig.build.json", "--noEmit");
  runCompiler("page/tsconfig.json", "--outDir", join(fresh, "page"));
  const { bundle } = await import("./bundle.mjs"); // it needs a package, which may have been installed just now
  await bundle(root, fresh).catch(() => fail("The build failed."));
  for (const path of filesUnder("page")) {
    if (/\.(html|css|svg)$/.test(path)) copyFileSync(join(root, path), join(fresh, path));
  }
  chmodSync(join(fresh, "main.js"), 0o755);
  writeFileSync(join(fresh, ".millrace-build"), hash);
  rmSync(old, { recursive: true, force: true });
  if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), old);
  renameSync(fresh, join(root, "dist"));
  rmSync(old, { recursive: true, force: true });
}

function runCompiler(project, ...options) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const args = [compiler, "-p", join(root, project), ...options];
  if (spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status !== 0) fail("The build failed.");
}

function installHash() {
  const { dependencies, devDependencies, optionalDependencies, overrides } = readJson(join(root, "package.json"));
  const hash = createHash("sha256").update(readFileSync(join(root, "package-lock.json")));
  hash.update(JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides]));
  return hash.update(`${process.platform} ${process.arch}`).digest("hex");
}

/** Of everything that the build reads. */
function buildHash() {
  const hash = createHash("sha256");
  const settings = ["tsconfig.json", "tsconfig.build.json", "package.json", "package-lock.json"];
  for (const path of [...settings, "scripts/bundle.mjs", ...filesUnder("src"), ...filesUnder("page")])
    hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  return hash.digest("hex");
}

function filesUnder(folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return path.endsWith(".test.ts") ? [] : [path];
  });
}

/** One set-up at a time in a checkout, until its end; the others wait. A lock whose process is gone counts for nothing. */
function lock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  for (let waits = 0; ; waits++) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: "wx" });
      process.on("exit", () => rmSync(lockFile, { force: true }));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isStale()) rmSync(lockFile, { force: true });
    else {
      if (waits === 0) say("Waiting for another set-up of this checkout ...");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
}

function isStale() {
  try {
    const pid = Number(readFileSync(lockFile, "utf8"));
    // The file is empty between its creation and the write of the number.
    if (pid === 0) return Date.now() - statSync(lockFile).mtimeMs > 5000;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(`error: ${text}`);
  process.exit(1);
}
