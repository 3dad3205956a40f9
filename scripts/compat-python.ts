/**
 * The judges in Python, pinned in test/compat/python/requirements.txt, installed into .cache once: the official client
 * against the built program with its default model and with one that embeds, and schemathesis, which makes requests of
 * `/openapi.json`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startServer } from "../test/e2e/server.ts";

const judges = resolve("test", "compat", "python");
const home = resolve(".cache", "compat-python");
const bin = join(home, process.platform === "win32" ? "Scripts" : "bin");
install(join(judges, "requirements.txt"));
{
  await using server = await startServer({ args: ["--parallel", "2"] });
  run(join(bin, "python"), join(judges, "openai_client.py"), server.url);
}
{
  // A small context, so that answers to whatever it comes up with are short.
  await using server = await startServer({ args: ["--engine", "fake", "--context", "64", "--log-level", "error"] });
  judgeSchema(server, "--max-examples", "50");
}
{
  await using server = await startServer({ args: ["--engine", "fake", "--pooling", "mean", "--log-level", "error"] });
  run(join(bin, "python"), join(judges, "openai_embeddings.py"), server.url);
  judgeSchema(server, "--include-path", "/v1/embeddings", "--max-examples", "100");
}

function judgeSchema({ url }: { readonly url: string }, ...options: string[]): void {
  const config = join(judges, "schemathesis.toml");
  run(join(bin, "schemathesis"), "--config-file", config, "run", `${url}/openapi.json`, "--seed", "1", ...options);
}

function install(requirements: string): void {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const stamp = join(home, "installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  run(process.env["PYTHON"] ?? "python3", "-m", "venv", "--clear", home);
  run(join(bin, "python"), "-m", "pip", "install", "--quiet", "--requirement", requirements);
  writeFileSync(stamp, wanted);
}

function run(command: string, ...args: string[]): void {
  console.log(`> ${[command, ...args].join(" ")}`);
  // Judges leave files where they run.
  const { status, error } = spawnSync(command, args, { stdio: "inherit", cwd: resolve(".cache") });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with code ${status}`);
}
