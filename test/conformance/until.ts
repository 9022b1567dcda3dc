import { vi } from 'vitest'

/** Looks again and again until there is something. A minute is no measure of speed: some agents start slowly, and twenty at once. */
export const until = <T>(look: () => Promise<T>) => vi.waitUntil(look, { timeout: 60_000, interval: 100 })
