import { Command } from "commander";
import { modelsGcCommand } from "./models/gc.ts";
import { modelsListCommand } from "./models/list.ts";
import { modelsPullCommand } from "./models/pull.ts";
import { modelsRemoveCommand } from "./models/remove.ts";
import { modelsShowCommand } from "./models/show.ts";
import { modelsSuggestCommand } from "./models/suggest.ts";
import { modelsVerifyCommand } from "./models/verify.ts";

const commands = [
  modelsListCommand,
  modelsPullCommand,
  modelsShowCommand,
  modelsRemoveCommand,
  modelsSuggestCommand,
  modelsVerifyCommand,
  modelsGcCommand,
];

/** `millrace models`: what is in the store, and what could be. */
export function modelsCommand(): Command {
  const group = new Command("models").description("List, get, describe, verify and remove models.");
  // A group passes on to its commands what the program passes on to it: that errors are thrown.
  group.exitOverride();
  for (const command of commands) group.addCommand(command().copyInheritedSettings(group));
  return group;
}
