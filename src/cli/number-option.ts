import { InvalidArgumentError } from "commander";

interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole?: true;
}

/** Reads the number of an option; anything else than a number of the range is wrong usage. */
export function numberOption({ from, to, whole }: Range): (text: string) => number {
  return (text) => {
    const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
    if (value >= from && value <= to && (whole !== true || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`Accepted: a ${whole === true ? "whole number" : "number"} from ${from} to ${to}.`);
  };
}
