import { Command } from "commander";
import { failure } from "../../core/errors.ts";
import { ModelStore } from "../../model/store.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";

/** `millrace models verify`: reads stored models whole and compares them with their sums. */
export function modelsVerifyCommand(): Command {
  const command = new Command("verify")
    .description("Compare the files of stored models with their sha256 sums.")
    .argument("[model]", "its name, as `models list` shows it; default: all");
  return addConfigOptions(command, []).action(async (name: string | undefined) => {
    const store = new ModelStore(commandConfig(command, []).config.home);
    const stored = await store.list();
    const chosen = name === undefined ? stored : stored.filter((model) => model.name === name);
    if (name !== undefined && chosen.length === 0) {
      const known = stored.map((model) => model.name).join(", ") || "nothing";
      throw failure("model_not_stored", { model: name, advice: "", stored: known });
    }
    let damaged: { name: string; file: string } | undefined;
    for (const model of chosen) {
      const [file] = await store.damagedFiles(model);
      process.stdout.write(`${model.name}: ${file === undefined ? "as it was pulled" : "damaged"}\n`);
      if (file !== undefined) damaged ??= { name: model.name, file };
    }
    if (damaged === undefined) return;
    const problem = `its sha256 is another one than when it was pulled; millrace models rm ${damaged.name}, then pull it again`;
    throw failure("invalid_model_file", { file: damaged.file, problem });
  });
}
