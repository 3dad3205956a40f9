const month = {
  long: "(0[13578]|1[02])",
  short: "(0[469]|11)",
};
/** The 29th of February is left out: whether it is there depends on the year. */
const date = `\\d{4}-(${month.long}-(0[1-9]|[12]\\d|3[01])|${month.short}-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))`;
const hour = "([01]\\d|2[0-3])";
const time = `${hour}:[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]${hour}:[0-5]\\d)`;
const octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const label = "[a-z0-9]{1,30}(-[a-z0-9]{1,30})?";

const word = "[a-z0-9]+(-[a-z0-9]+)*";
const hostname = `${label}(\\.${label}){0,3}`;
const inUrl = "([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})";
const group = "[0-9a-f]{1,4}";
/** What stands on both sides of `::`, together seven groups at most. */
const shortened = Array.from({ length: 8 }, (_, before) => {
  const left = before === 0 ? "" : `${group}(:${group}){${before - 1}}`;
  const right = before === 7 ? "" : `(${group}(:${group}){0,${6 - before}})?`;
  return `${left}::${right}`;
});

/**
 * Regular expressions of the `format`s of strings that can be enforced. Where a format is wider than what can be said so,
 * each is a part of it: all that it lets through is valid.
 */
export const stringFormats: Readonly<Record<string, string>> = {
  date,
  time,
  "date-time": `${date}T${time}`,
  duration:
    "P(\\d{1,4}W|(?=\\d|T\\d)(\\d{1,4}Y)?(\\d{1,4}M)?(\\d{1,4}D)?(T(?=\\d)(\\d{1,4}H)?(\\d{1,4}M)?(\\d{1,4}S)?)?)",
  uuid: "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  ipv4: `${octet}(\\.${octet}){3}`,
  ipv6: `${group}(:${group}){7}|${shortened.join("|")}`,
  hostname,
  email: `${word}(\\.${word})*@(${word}\\.)+[a-z]{2,10}`,
  uri: `[a-z]{2,10}://${hostname}(:\\d{1,4})?(/${inUrl}{0,200})?(\\?${inUrl}{0,200})?(#${inUrl}{0,50})?`,
};

/** Those that say nothing about the text itself. */
export const freeFormats: readonly string[] = ["password", "binary", "path"];
