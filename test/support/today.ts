import { DAY_MS } from '../../src/core/duration.ts'

const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS

/** Returns the start in UTC of the day on which the test file began. Midnight may come before it ends. */
export const startOfToday = (): number => TODAY

/** Returns the slot at this hour in UTC, so many days before that day, as the program prints it. */
export const slotOn = (daysAgo: number, hour = 3) =>
  new Date(TODAY - daysAgo * DAY_MS + hour * 3_600_000).toISOString().replace('.000', '')
