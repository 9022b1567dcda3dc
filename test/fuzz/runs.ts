/** How often a property is tried: as often as it asks for, or as `npm run fuzz` does. */
export function atLeast(runs: number): number {
  return Math.max(runs, Number(process.env['FUZZ_RUNS'] ?? 0))
}
