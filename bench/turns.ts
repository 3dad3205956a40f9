/** The threads of the variant before spin for a while when it has ended (`poll`), and would disturb this one. */
const restMs = 500;

/**
 * The variants take turns, in an order that is reversed each round, so that what changes slowly on the machine meets all of
 * them. The n-th result of each is of the same round: ratios are taken within it.
 */
export async function inTurns<T>(
  variants: Readonly<Record<string, (round: number) => T | Promise<T>>>,
  rounds: number,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(variants);
    if (round % 2 !== 0) order.reverse();
    for (const [name, run] of order) {
      await new Promise((wake) => setTimeout(wake, restMs));
      results.get(name)!.push(await run(round));
    }
  }
  return results;
}
