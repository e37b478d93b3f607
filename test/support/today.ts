import { DAY_MS } from '../../src/core/duration.ts'

/** Returns the start of today in UTC. We must read the clock only once: between two reads the millisecond may change. */
export const startOfToday = (): number => Math.floor(Date.now() / DAY_MS) * DAY_MS
