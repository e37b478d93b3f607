// The scheduled batches of an invented company, and what happened to them, for the pictures of the pages. All times are
// relative to now, so that the pictures look the same whenever they are made.

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Last night, the database could not be reached for an hour. It began this long ago. */
const OUTAGE = { beganAgoMs: 9 * HOUR_MS, lastedMs: HOUR_MS }

const [TOKYO, BERLIN, NEW_YORK] = ['Asia/Tokyo', 'Europe/Berlin', 'America/New_York']

/** Tasks that run once a day: this many hours ago, for this many minutes. */
const DAILY = [
  { task: 'billing/dunning', zone: TOKYO, hoursAgo: 6.2, minutes: 9 },
  { task: 'billing/invoices', zone: TOKYO, hoursAgo: 8.5, minutes: 14 },
  { task: 'billing/ledger-close', zone: TOKYO, hoursAgo: 4.1, minutes: 22 },
  { task: 'etl/ad-spend', zone: NEW_YORK, hoursAgo: 11.4, minutes: 6 },
  { task: 'etl/customers', zone: BERLIN, hoursAgo: 8.8, minutes: 17 },
  { task: 'etl/warehouse-load', zone: BERLIN, hoursAgo: 7.3, minutes: 48 },
  { task: 'mail/digest', zone: NEW_YORK, hoursAgo: 3.2, minutes: 4 },
  { task: 'ops/backup-postgres', zone: 'UTC', hoursAgo: 8.3, minutes: 31 },
  { task: 'ops/backup-verify', zone: 'UTC', hoursAgo: 5.6, minutes: 12 },
  { task: 'ops/cert-renewal', zone: 'UTC', hoursAgo: 14.5, minutes: 1 },
  { task: 'ops/search-reindex', zone: 'UTC', hoursAgo: 10.2, minutes: 27 },
  { task: 'reports/daily-sales', zone: BERLIN, hoursAgo: 5.1, minutes: 3 },
  { task: 'reports/kpi', zone: BERLIN, hoursAgo: 4.7, minutes: 5 },
  { task: 'sync/hr-directory', zone: BERLIN, hoursAgo: 12.3, minutes: 2 },
  { task: 'sync/payroll', zone: TOKYO, hoursAgo: 15.1, minutes: 7 },
]

/** Tasks with the interval of their slots, and the duration of a run, both in minutes. */
const OFTEN = [
  { task: 'billing/payments-capture', every: 15, minutes: 2 },
  { task: 'billing/refunds', every: 60, minutes: 3 },
  { task: 'etl/clickstream', every: 15, minutes: 6 },
  { task: 'etl/currency-rates', every: 60, minutes: 1 },
  { task: 'etl/inventory', every: 30, minutes: 8 },
  { task: 'etl/orders', every: 60, minutes: 11 },
  { task: 'mail/abandoned-carts', every: 30, minutes: 3 },
  { task: 'mail/bounces', every: 60, minutes: 1 },
  { task: 'mail/reminders', every: 60, minutes: 4 },
  { task: 'ops/cache-warm', every: 30, minutes: 2 },
  { task: 'ops/cleanup-tmp', every: 60, minutes: 1 },
  { task: 'ops/heartbeat', every: 15, minutes: 1 },
  { task: 'ops/log-shipping', every: 60, minutes: 2 },
  { task: 'reports/fraud-summary', every: 60, minutes: 5 },
  { task: 'sync/calendar', every: 30, minutes: 1 },
  { task: 'sync/crm', every: 30, minutes: 4 },
  { task: 'sync/prices', every: 60, minutes: 3 },
  { task: 'sync/returns', every: 60, minutes: 2 },
  { task: 'sync/stock', every: 15, minutes: 2 },
  { task: 'sync/suppliers', every: 60, minutes: 6 },
]

/** Tasks that run once a week, at this time on this day. */
const WEEKLY = [
  { task: 'billing/tax-report', zone: TOKYO, expression: '0 5 * * 1', minutes: 18 },
  { task: 'etl/vacuum', zone: 'UTC', expression: '30 2 * * 0', minutes: 55 },
  { task: 'mail/newsletter', zone: NEW_YORK, expression: '0 9 * * 2', minutes: 12 },
  { task: 'reports/weekly-margin', zone: BERLIN, expression: '15 6 * * 1', minutes: 9 },
]

/** Tasks that use no database, so the outage does not concern them. */
const WITHOUT_DATABASE = new Set([
  'ops/heartbeat',
  'ops/cert-renewal',
  'etl/currency-rates',
  'ops/cache-warm',
  'mail/bounces',
])
/** Tasks whose scheduler was down too, so that their slots were not even started. */
const NOT_STARTED = new Set(['ops/backup-postgres', 'sync/crm', 'sync/calendar'])

/** The tasks that an operator has paused, and the reasons. */
export const PAUSES = [
  { task: 'sync/hr-directory', reason: 'the directory moves to another host', days: 3 },
  { task: 'mail/newsletter', reason: 'no newsletter until the new design is live', days: 14 },
]

export const OWNERS = { billing: 'Team Payments, #payments-oncall', etl: 'Data platform, #data-oncall' }

/** Returns the tasks, each with its schedule and the time for which the ledger has its slots. */
export function tasksAt(now) {
  return [
    ...DAILY.map(({ hoursAgo, ...task }) => ({
      ...task,
      spec: { expression: dailyAt(now - hoursAgo * HOUR_MS, task.zone), zone: task.zone },
      keptMs: 60 * DAY_MS,
    })),
    ...OFTEN.map(({ every, ...task }) => ({
      ...task,
      spec: { expression: every === 60 ? '0 * * * *' : `*/${every} * * * *`, zone: 'UTC' },
      keptMs: 8 * DAY_MS,
    })),
    ...WEEKLY.map(({ expression, ...task }) => ({
      ...task,
      spec: { expression, zone: task.zone },
      keptMs: 200 * DAY_MS,
    })),
  ]
}

/** Returns a cron expression for the quarter of an hour that is nearest before `at`, each day. */
function dailyAt(at, zone) {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(at)
  const [hour, minute] = parts.split(':').map(Number)
  return `${minute - (minute % 15)} ${hour} * * *`
}

/** Returns what happened to the slot of a task that is `ago` slots before its newest one. */
export function fateOf({ task, minutes }, slot, ago, now) {
  const outageAt = now - OUTAGE.beganAgoMs
  const isInOutage = slot + minutes * 60_000 > outageAt && slot < outageAt + OUTAGE.lastedMs
  if (isInOutage && !WITHOUT_DATABASE.has(task)) return NOT_STARTED.has(task) ? 'missed' : 'failed'
  if (task === 'etl/warehouse-load' && ago === 0) return 'stale'
  if (task === 'etl/clickstream' && ago === 0) return 'running'
  if (task === 'reports/fraud-summary' && ago === 3) return 'failed'
  if (task === 'mail/digest' && ago === 5) return 'skipped'
  if (ago > 4 && (slot / 60_000 + task.length * 7) % 97 < 1) return 'rerun'
  return 'succeeded'
}

/** Returns how many duplicates of its trigger a slot got. A scheduler that delivers at least once sends some. */
export function duplicatesOf(task, slot, ago) {
  if (task === 'billing/invoices' && ago === 0) return 45
  if (task === 'sync/stock') return ago % 11 === 3 ? 2 : 0
  return (slot / 60_000 + task.length) % 61 < 1 ? 1 : 0
}
