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

/**
 * Regular expressions of the `format`s of strings that can be enforced. Where a format is wider than what can be said so,
 * each is a part of it: all that it lets through is valid.
 */
export const stringFormats: Readonly<Record<string, string>> = {
  date,
  time,
  "date-time": `${date}T${time}`,
  uuid: "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  ipv4: `${octet}(\\.${octet}){3}`,
  hostname: `${label}(\\.${label}){0,3}`,
  email: `[a-z0-9_+-]{1,30}(\\.[a-z0-9_+-]{1,30})?@${label}(\\.${label})?\\.[a-z]{2,10}`,
};
