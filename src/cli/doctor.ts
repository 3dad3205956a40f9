import { Command } from "commander";
import type { ConfigKey } from "../config/schema.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";
import { findingsOf, type Finding } from "./doctor/findings.ts";
import { Unsuccessful } from "./failure-report.ts";
import { styled } from "./style.ts";

const settings: readonly ConfigKey[] = ["model", "host", "port", "parallel", "context", "threads", "engine"];

/** `millrace doctor`: what this machine has, and what would prevent serving; exit code 1 if something does. */
export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("Look at this machine and say what prevents serving, or slows it down.")
    .option("--json", "findings and facts as JSON");
  return addConfigOptions(command, settings).action(async ({ json }: { json?: true }) => {
    const { config } = commandConfig(command, settings);
    const { servingFacts } = await import("../app.ts");
    const facts = await servingFacts(config);
    const findings = findingsOf(facts);
    const canServe = findings.every(({ level }) => level !== "problem");
    const report = { canServe, findings, facts };
    process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : inWords(findings, canServe));
    if (!canServe) throw new Unsuccessful();
  });
}

const marks = { ok: ["green", "ok"], warning: ["yellow", "warning"], problem: ["red", "problem"] } as const;

function inWords(findings: readonly Finding[], canServe: boolean): string {
  const lines = findings.flatMap(({ about, level, found, advice }) => {
    const [colour, word] = marks[level];
    const mark = styled(process.stdout, colour, word.padEnd(8));
    const indent = " ".repeat(21);
    return [`${mark} ${about.padEnd(11)} ${found}`, ...(advice === undefined ? [] : [`${indent}-> ${advice}`])];
  });
  return `${lines.join("\n")}\n\n${canServe ? "Millrace can serve here." : "Millrace cannot serve here yet."}\n`;
}
