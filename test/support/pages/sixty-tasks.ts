import type { Page } from 'playwright-core'
import type { Instant } from '../../../src/core/types.ts'
import type { PlannedTask } from './ledger.ts'

const PARTS = ['billing', 'etl', 'mail', 'shop', 'sync'] as const
const ZONES = ['Asia/Tokyo', 'Europe/Berlin', 'UTC'] as const

export function sixtyTasks(now: Instant): readonly PlannedTask[] {
  return Array.from({ length: 60 }, (_, index): PlannedTask => {
    const part = PARTS[index % PARTS.length] ?? ''
    const isHourly = index % 3 === 0
    // No slot becomes due during a test: the next one is at least ten minutes away.
    const minute = (new Date(now).getUTCMinutes() + 45) % 60
    const hour = (new Date(now).getUTCHours() + 2 + (index % 20)) % 24
    return {
      task: index % 7 === 0 ? `job-${index}` : `${part}/job-${index}`,
      spec: isHourly
        ? { expression: `${minute} * * * *`, zone: 'UTC' }
        : { expression: `${minute} ${hour} * * *`, zone: ZONES[index % ZONES.length] ?? 'UTC' },
      count: isHourly ? 8 * 24 : 8,
      fateOf: (ago) => (index % 15 === 0 && isHourly && ago > 7 && ago < 10 ? 'missed' : 'succeeded'),
      rejectedOf: (ago) => (ago === 3 ? 1 : 0),
    }
  })
}

export const shownTasks = (page: Page) =>
  page
    .locator('#tasks tr[data-task]')
    .evaluateAll((rows) =>
      rows.flatMap((row) => (row.getBoundingClientRect().height > 0 ? [row.getAttribute('data-task') ?? ''] : [])),
    )
