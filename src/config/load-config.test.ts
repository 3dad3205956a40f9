import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { configKeys, fields } from "./fields.ts";
import type { Flags } from "./layers.ts";
import { foreignKeys, foreignVariables } from "./foreign-names.ts";
import { loadConfig } from "./load-config.ts";
import { requestDefaults } from "./request-defaults.ts";
import { configSchema } from "./schema.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "millrace.yaml");
  writeFileSync(path, text);
  return path;
}

const load = (text: string) => () => loadConfig({ config: file(text) }, {});

test("defaults < file < environment < options, and each value knows where it came from", () => {
  const config = file("port: 1\nparallel: 1\ncontext: 1024\nlog_level: warn\n");
  const loaded = loadConfig({ config, port: "3" }, { MILLRACE_PORT: "2", MILLRACE_PARALLEL: "2" });
  expect(loaded.config).toMatchObject({ port: 3, parallel: 2, context: 1024, logLevel: "warn", host: "127.0.0.1" });
  expect(loaded.origins).toMatchObject({
    port: { layer: "flag", place: "--port" },
    parallel: { layer: "environment", place: "MILLRACE_PARALLEL" },
    context: { layer: "file", place: `${config}:3` },
    host: { layer: "default" },
  });
});

test("the file may be JSON and may be named by the environment; empty variables are unset", () => {
  const path = file('{"host": "::1", "api_keys": ["a", "b"]}');
  const { config } = loadConfig({}, { MILLRACE_CONFIG: path, MILLRACE_HOST: "", MILLRACE_API_KEY: "" });
  expect(config).toMatchObject({ host: "::1", apiKeys: [{ key: "a" }, { key: "b" }] });
});

test("keys come as a list from each layer; the highest layer replaces the others", () => {
  const keysOf = (...sources: [Flags, Record<string, string>]) =>
    loadConfig(...sources).config.apiKeys.map(({ key }) => key);
  expect(keysOf({}, { MILLRACE_API_KEY: "one, two" })).toEqual(["one", "two"]);
  expect(keysOf({ apiKeys: ["three"] }, { MILLRACE_API_KEY: "one" })).toEqual(["three"]);
});

test("a key in a file may say whose it is; one that does not is known by its digest", () => {
  const text =
    "api_keys:\n  - plain\n  - {key: k, name: nightly, lane: batch, weight: 0.5}\n  - {key: o, name: operator, admin: true}\n";
  expect(load(text)().config.apiKeys).toEqual([
    { key: "plain", name: "key-a116c9ed", lane: "interactive", weight: 1, admin: false },
    { key: "k", name: "nightly", lane: "batch", weight: 0.5, admin: false },
    { key: "o", name: "operator", lane: "interactive", weight: 1, admin: true },
  ]);
});

test.each([
  ["a key twice", "[a, {key: a, name: b}]"],
  ["a name twice", "[{key: a, name: x}, {key: b, name: x}]"],
  ["no weight at all", "[{key: a, weight: 0}]"],
  ["an unknown lane", "[{key: a, lane: fast}]"],
  ["an unknown field", "[{key: a, rate: 1}]"],
  ["no key", "[{name: a}]"],
])("refused in api_keys: %s", (_name, keys) => {
  expect(load(`api_keys: ${keys}\n`)).toThrow(
    /api_keys is not valid \(from .*:1\); accepted: .*no key and no name twice/,
  );
});

test("home follows XDG_DATA_HOME, and MILLRACE_HOME goes before it", () => {
  const environment = process.platform === "win32" ? { LOCALAPPDATA: "/data" } : { XDG_DATA_HOME: "/data" };
  expect(loadConfig({}, environment).config.home).toBe(join("/data", "millrace"));
  expect(loadConfig({}, { ...environment, MILLRACE_HOME: "/elsewhere" }).config.home).toBe("/elsewhere");
});

test("the result is frozen to the bottom", () => {
  const { config, origins } = loadConfig({ apiKeys: ["k"] }, {});
  expect([config, config.apiKeys, origins, origins.port].every(Object.isFrozen)).toBe(true);
});

test("--verbose is the log level debug", () => {
  expect(loadConfig({ verbose: true }, { MILLRACE_LOG_LEVEL: "error" }).config.logLevel).toBe("debug");
});

const refused: [name: string, sources: [Flags, Record<string, string>], says: RegExp][] = [
  ["a port that is a word", [{ port: "80x" }, {}], /port is '80x' \(from --port\); accepted: .* 0 to 65535/],
  ["a port beyond the range", [{}, { MILLRACE_PORT: "70000" }], /port is 70000 \(from MILLRACE_PORT\)/],
  ["two wrong values", [{ port: "x", parallel: "0" }, {}], /port is .*; parallel is 0/],
  ["zero threads", [{ threads: "0" }, {}], /"auto" or a whole number/],
  ["an unknown engine", [{ engine: "vllm" }, {}], /"llama", "fake"/],
  ["a misspelt variable", [{}, { MILLRACE_PROT: "1" }], /MILLRACE_PROT; did you mean MILLRACE_PORT\?/],
  ["a variable like none", [{}, { MILLRACE_ZEBRA_CROSSING: "1" }], /known: MILLRACE_MODEL, /],
  [
    "an unknown policy",
    [{ policy: "lifo" }, {}],
    /policy is 'lifo' .*accepted: fifo, priority, fair, shortest or deadl/,
  ],
  [
    "a target without a unit that exists",
    [{ targetItl: "3s" }, {}],
    /target_itl is '3s' .*"off", a multiple like "3x"/,
  ],
  ["a target that nothing could meet", [{ targetItl: "0.5x" }, {}], /target_itl is '0.5x'/],
  ["a negative size", [{}, { MILLRACE_CACHE_MEMORY: "-1" }], /cache_memory is '-1' \(from MILLRACE_CACHE_MEMORY\)/],
  ["a queue of less than nothing", [{ maxQueue: "-1" }, {}], /max_queue is -1 .*a whole number from 0/],
  ["an unclear yes or no", [{}, { MILLRACE_INSECURE: "maybe" }], /insecure is 'maybe'.*true or false/],
  ["a missing file", [{ config: "/nowhere/at/all.yaml" }, {}], /cannot read the configuration file \/nowhere/],
];
test.each(refused)("refused: %s", (_name, sources, says) => {
  expect(() => loadConfig(...sources)).toThrow(says);
});

test.each([
  ["a misspelt key", "port: 1\nprot: 2\n", /"prot" at .*:2; did you mean port\?/],
  ["a key in the wrong style", "apiKeys: []\n", /did you mean api_keys\?/],
  ["a key twice", "port: 1\nhost: a\nport: 2\n", /millrace\.yaml:3: .*unique/],
  ["a tab", "host:\n\tport: 1\n", /millrace\.yaml:2: .*[Tt]ab/],
  ["a wrong type", "host: a\nport: [1]\n", /port is \[ 1 \] \(from .*millrace\.yaml:2\)/],
  ["a list", "- port\n", /must be a list of settings/],
  ["a loop", "api_keys: &a [*a]\n", /api_keys is not valid/],
  ["an unclosed quote", 'host: "abc\n', /millrace\.yaml:\d+: /],
  ["a bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n", /alias/],
])("refused in a file: %s", (_name, text, says) => {
  expect(load(text)).toThrow(says);
});

test("refused in a file: endless nesting, and too much of anything", () => {
  expect(load("[".repeat(50_000))).toThrow(/too deeply/);
  expect(load("- ".repeat(40_000))).toThrow(/too deeply/);
  expect(load("[".repeat(1000))).toThrow(/millrace\.yaml/);
  expect(load(Array.from({ length: 440 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"))).toThrow(/unknown key/);
  expect(load(`# ${"x".repeat(100_000)}`)).toThrow(/larger than/);
});

test("each model of a list has its own settings; the rest of the file, variables and options hold for all", () => {
  const text = `context: 512
temperature: 0.5
models:
  - name: small
    model: ./a.gguf
    context: 1024
  - name: large
    model: ./b.gguf
    load: on_demand
    keep_alive: 1h30m
    replicas: 2
`;
  const { config, models, origins } = loadConfig({ config: file(text), threads: "1" }, { MILLRACE_TOP_P: "0.5" });
  const shared = { temperature: 0.5, topP: 0.5, threads: 1, port: 8000 };
  const small = { name: "small", model: "./a.gguf", context: 1024, load: "eager", keepAlive: "auto", replicas: 1 };
  const large = { name: "large", model: "./b.gguf", context: 512, load: "on_demand", keepAlive: "1h30m", replicas: 2 };
  expect(models.map((model) => model.config)).toMatchObject([
    { ...shared, ...small },
    { ...shared, ...large },
  ]);
  expect([config, origins]).toEqual([models[0]!.config, models[0]!.origins]);
  expect(models.map((model) => model.origins.context.place.slice(-2))).toEqual([":6", ":1"]);
  const both = () => loadConfig({ config: file(text), model: "c" }, {});
  expect(both).toThrow(/--model is about one model, and models \(.*:3\) lists 2; leave out one of the two/);
  expect(loadConfig({}, {}).models).toHaveLength(1);
});

test("the settings of the one model may stand in a list", () => {
  const text = "port: 1\nmodels:\n  - name: small\n    model: ./a.gguf\n    temperature: 0.2\n    stop: [a, b]\n";
  const { config, origins } = loadConfig({ config: file(text), name: "tiny" }, { MILLRACE_TOP_P: "0.5" });
  expect(config).toMatchObject({ name: "tiny", model: "./a.gguf", temperature: 0.2, topP: 0.5, stop: ["a", "b"] });
  expect(origins.temperature.place).toMatch(/millrace\.yaml:5$/);
  const recommended = { temperature: 1, topK: 20 };
  const defaults = { temperature: 0.2, topK: 20, topP: 0.5, stop: ["a", "b"] };
  expect(requestDefaults(config, recommended)).toEqual(defaults);
  expect(requestDefaults(loadConfig({ stop: "END" }, {}).config, {}).stop).toEqual(["END"]);
});

test.each([
  ["none", "port: 1\nmodels: []\n", /:2: models must be a list of 1 to 100 models/],
  ["no list", "models: {name: a}\n", /must be a list of 1 to 100 models/],
  ["a list of names", "models: [a]\n", /must be a list of 1 to 100 models/],
  ["a name beside a model", "models: [{name: a}, b]\n", /must be a list of 1 to 100 models/],
  [
    "a wrong value in the second",
    "models:\n  - name: a\n  - name: b\n    parallel: 0\n",
    /parallel is 0 \(from .*:4\)/,
  ],
  [
    "a time without a unit that exists",
    "models:\n  - keep_alive: 5 minutes\n",
    /keep_alive is '5 minutes' .*"auto", sec/,
  ],
  ["a misspelt key", "models:\n  - name: a\n    temprature: 1\n", /"temprature" at .*:3; did you mean temperature\?/],
  ["a key of the server", "models:\n  - name: a\n    port: 1\n", /unknown key "port" at .*:3; known: model, name/],
  ["a wrong type", "models:\n  - temperature: hot\n", /temperature is 'hot' \(from .*:2\)/],
  ["a key twice", "models:\n  - name: a\n    name: b\n", /:3: .*unique/],
  ["a setting in two places", "model: a\nmodels:\n  - model: b\n", /model is given twice, at .*:1 and .*:3/],
  ["an alias", "port: &a [{name: a}]\nmodels: *a\n", /port is/],
])("refused in a list of models: %s", (_name, text, says) => {
  expect(load(text)).toThrow(says);
});

test.each([
  ["https://a.example/", false],
  ["https://a.example:443", false],
  ["https://A.example", false],
  ["a.example", false],
  ["null", false],
  ["https://*.example", false],
  ["*", true],
  ["http://localhost:3000", true],
  ["http://[::1]:3000", true],
  ["chrome-extension://abc", true],
])("origin %s", (origin, accepted) => {
  const load = () => loadConfig({}, { MILLRACE_CORS_ORIGIN: origin });
  if (accepted) expect(load().config.corsOrigins).toEqual([origin]);
  else expect(load).toThrow(/cors_origins/);
});

test("an empty file says nothing", () => {
  expect(loadConfig({ config: file("# nothing\n") }, {}).config.port).toBe(8000);
});

test("a key is never shown", () => {
  expect(() => loadConfig({ apiKeys: ["top secret"] }, {})).toThrow(/^(?!.*top secret)/);
});

test("every setting has a description of what it accepts", () => {
  expect(configKeys.filter((key) => configSchema.shape[key].description === undefined)).toEqual([]);
});

test("whatever options, variables and files say: a valid Config or a MillraceError with exit code 2", () => {
  const value = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.integer().map(String), fc.constant("auto"));
  const flags = fc.dictionary(fc.constantFrom(...configKeys), fc.oneof(value, fc.array(value), fc.boolean()));
  const variable = fc.oneof(
    fc.constantFrom(...configKeys).map((key) => fields[key].environment),
    fc.constantFrom(...Object.keys(foreignVariables)),
    fc.string().map((name) => `MILLRACE_${name}`),
    fc.string(),
  );
  const keys = [...configKeys.map((key) => fields[key].file), ...Object.keys(foreignKeys), "models"];
  const settings = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue(), { maxKeys: 5 });
  const listed = fc.array(fc.oneof(settings, fc.jsonValue()), { maxLength: 2 }).map((models) => ({ models }));
  const text = fc.oneof(
    fc.string(),
    fc.oneof(settings, listed).map((values) => JSON.stringify(values)),
  );
  const assignment = fc.tuple(variable, fc.constantFrom("=", " = ", '="', ":"), value).map((parts) => parts.join(""));
  const dotEnv = fc.oneof(
    fc.array(assignment).map((lines) => lines.join("\n")),
    fc.string(),
  );
  const sources = fc.record({
    flags,
    environment: fc.dictionary(variable, value),
    text: fc.option(text),
    dotEnv: fc.option(dotEnv),
  });
  fc.assert(
    fc.property(sources, ({ flags, environment, text, dotEnv }) => {
      delete environment["MILLRACE_CONFIG"];
      const config = text === null ? undefined : file(text);
      writeFileSync(join(folder, ".env"), (dotEnv ?? "").replaceAll("MILLRACE_CONFIG", "MILLRACE_PORT"));
      try {
        const loaded = loadConfig(config === undefined ? flags : { ...flags, config }, environment, folder);
        expect(configSchema.safeParse(loaded.config).success).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(MillraceError);
        expect((error as MillraceError).row.exit).toBe(2);
      }
    }),
    { numRuns: 300 },
  );
});
