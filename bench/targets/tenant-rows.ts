import { contest } from "./contestants.ts";
import { busyShape, quietBesideBusy, quietShown } from "./neighbours.ts";
import { ours, seedOf, valuesOf, type Row } from "./row.ts";
import { servedWhileBothWait } from "./served-tokens.ts";
import type { Key } from "./servers.ts";

const interactive: Key = { key: "key-of-the-interactive-tenant", name: "interactive", lane: "interactive" };
const batch: Key = { key: "key-of-the-batch-tenant", name: "batch", lane: "batch" };

export const row9: Row = {
  number: 9,
  title: "a batch tenant with 32 queued requests beside an interactive one that asks one at a time",
  run: async (bench) => {
    const turns = await contest(bench, {
      ours: { [ours]: { keys: [interactive, batch] } },
      measure: (server, round) =>
        quietBesideBusy(server, { quiet: interactive, busy: batch, seed: seedOf(bench, row9, round) }),
    });
    return {
      turns,
      shown: quietShown,
      requirements: [
        {
          of: "interactive p95 TTFT",
          values: valuesOf(turns, ours, "beside_to_alone"),
          unit: "of being alone",
          target: { atMost: 1.5 },
        },
      ],
    };
  },
};

const light: Key = { key: "key-of-the-light-tenant", name: "light", lane: "interactive" };
const heavy: Key = { key: "key-of-the-heavy-tenant", name: "heavy", lane: "interactive" };

export const row10: Row = {
  number: 10,
  title: "same lane, equal weights: a heavy tenant with 32 queued requests beside a light one that asks one at a time",
  run: async (bench) => {
    const turns = await contest(bench, {
      ours: { [ours]: { keys: [light, heavy] } },
      measure: async (server, round) => {
        const seed = seedOf(bench, row10, round);
        const beside = await quietBesideBusy(server, { quiet: light, busy: heavy, seed });
        const served = await servedWhileBothWait(server, {
          tenants: [light, heavy],
          shape: busyShape,
          seed: seed + 10,
        });
        return { ...beside, metrics: { ...beside.metrics, ...served } };
      },
    });
    const value = (metric: string) => valuesOf(turns, ours, metric);
    return {
      turns,
      shown: [...quietShown, "served_share_of_first", "served_difference", "served_bound"],
      requirements: [
        {
          of: "light's p95 TTFT",
          values: value("beside_to_alone"),
          unit: "of being alone",
          target: { atMost: 3 },
        },
        {
          of: "difference of tokens served while both wait",
          values: value("served_difference_to_bound"),
          unit: "of the paper's bound",
          target: { atMost: 1 },
        },
      ],
    };
  },
};
