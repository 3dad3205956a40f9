// Makes few files of many: looking up hundreds of modules took longer than loading a model (docs/decisions/0010-few-files.md).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Where a process or a thread begins, and what scripts use of the built program; each as a file of one folder. */
const entries = [
  "host/engine-process",
  "host/service-worker",
  "host/text-worker",
  "host/quantize-process",
  "host/engine-host",
  "engine/llama/probe-variant",
];

/** Writes `main.js`, the folder `bundle` and the licences of all that is in it to `out`. */
export async function bundle(root, out) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [
      { in: "src/main.ts", out: "main" },
      ...entries.map((path) => ({ in: `src/${path}.ts`, out: `bundle/${path.split("/").at(-1)}` })),
    ],
    outdir: out,
    chunkNames: "bundle/[name]-[hash]",
    bundle: true,
    minifySyntax: true,
    minifyWhitespace: true, // it is read before anything runs; names stay, for stack traces
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    external: ["koffi", "@node-llama-cpp/*"],
    // Packages in CommonJS ask for Node's own modules by `require`.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module";\nconst require = requireOf(import.meta.url);',
    },
    logLevel: "warning",
    metafile: true,
  });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "licences.txt"), licences(root, Object.keys(metafile.inputs)));
}

/** Of the packages that these files belong to. */
function licences(root, files) {
  const folders = new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const texts = [...folders]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
      const file = readdirSync(join(root, folder)).find((name) => /^(licen[cs]e|copying)/i.test(name));
      const text = file === undefined ? "" : readFileSync(join(root, folder, file), "utf8").trim();
      return `${name} ${version} (${license})\n\n${text}`;
    });
  return `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
