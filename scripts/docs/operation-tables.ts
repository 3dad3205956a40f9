import { configKeys, fields } from "../../src/config/fields.ts";
import { exitCodes } from "../../src/core/exit-codes.ts";
import { tableOf } from "./table.ts";

export function exitCodeTable(): string {
  const rows = Object.values(exitCodes).map(({ code, means, advice }) => [`${code}`, means, advice]);
  return tableOf(["code", "means", "what to do"], rows);
}

/** What a reload applies. */
export function liveSettingTable(): string {
  const live = configKeys.filter((key) => fields[key].live === true);
  return tableOf(
    ["setting", "is"],
    live.map((key) => [`\`${fields[key].file}\``, fields[key].summary]),
  );
}
