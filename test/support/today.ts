import { DAY_MS } from '../../src/core/duration.ts'

const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS

/** Returns the start in UTC of the day on which the test file began. Midnight may come before it ends. */
export const startOfToday = (): number => TODAY
