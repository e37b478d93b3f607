import { DAY_MS } from '../../core/duration.ts'
import type { OptionTable } from '../../core/option.ts'
import { clockNotes } from '../../core/schedule/clock-changes.ts'
import type { Schedule } from '../../core/schedule/schedule.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { earlyToleranceMs, slotAfter, slotBefore, windowOf } from '../../core/schedule/slot.ts'
import { parseTime } from '../../core/schedule/time-range.ts'
import { scheduleWarnings } from '../../core/schedule/warnings.ts'
import type { Instant } from '../../core/types.ts'
import { checkTaskName } from '../../core/user-text.ts'
import { explainJson, explainText } from '../../format/explain.ts'
import { safeJson } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { readOptions } from '../options/arguments.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'

/** A year, also a leap year. The clocks of every zone make all their yearly changes in this time. */
const CLOCKS_MS = 366 * DAY_MS

const ZONE_DATA = process.versions['tz'] ?? 'unknown'

const OPTIONS = {
  schedule: COMMON.schedule,
  timezone: COMMON.timezone,
  anchor: COMMON.anchor,
  at: {
    kind: 'text',
    group: 'Event time',
    value: 'TIME',
    otherwise: 'now',
    help: 'Event time to explain: an instant, local time, or a date',
  },
  earlyToleranceMs: SETTINGS.earlyToleranceMs,
  task: { ...COMMON.task, required: undefined, help: 'Name of the scheduled batch, for its key' },
  count: {
    kind: 'integer',
    default: 5,
    // A person does not read more than a hundred lines each way, and a program can ask for more in steps.
    bounds: [1, 100],
    help: 'Show this many slots before and after',
  },
  json: { ...COMMON.json, help: 'Print a JSON object' },
} as const satisfies OptionTable

const help = {
  name: 'explain',
  summary:
    'Show what a schedule means: in words, the slots around a time, the effects of clock changes until a year later, and the key that a run would write. Needs no ledger.',
  options: OPTIONS,
  examples: [
    [
      "cronledger explain --schedule 'cron(0 18 ? * MON-FRI *)' --timezone Asia/Tokyo",
      'the slots around the current time',
    ],
    [
      "cronledger explain --schedule '30 2 * * *' --timezone America/New_York --at 2027-03-14T06:00:00Z",
      'around a clock change',
    ],
  ],
} as const

export const explain: Command = {
  help,
  async execute({ argv, env }: CommandContext) {
    const values = readOptions(help, argv, env)
    const schedule = readSchedule(values)
    if (values.task !== undefined) checkTaskName(values.task)
    const now = systemClock.now()
    const at = values.at === undefined ? now : parseTime(values.at, '--at', schedule.spec.zone, now)
    const toleranceMs = values.earlyToleranceMs ?? earlyToleranceMs(schedule, at)
    const found = windowOf(schedule, at, toleranceMs)
    const count = values.count ?? OPTIONS.count.default
    const previous = neighbours(schedule, found?.slot ?? at, slotBefore, count).reverse()
    // A change of the clocks among the slots shown explains why a slot seems to be missing there.
    const clocksFrom = Math.max(previous[0] ?? found?.slot ?? at, at - CLOCKS_MS)
    const explanation = {
      schedule,
      zoneData: ZONE_DATA,
      task: values.task ?? null,
      at,
      earlyToleranceMs: toleranceMs,
      window: found === null ? null : { slot: found.slot, end: found.next },
      previous,
      next: neighbours(schedule, found?.slot ?? at, slotAfter, count),
      clocksFrom,
      clocksUntil: at + CLOCKS_MS,
      clockNotes: clockNotes(schedule, clocksFrom, at + CLOCKS_MS),
      warnings: scheduleWarnings(schedule, systemClock.now(), ZONE_DATA),
    }
    await print(values.json ? safeJson(explainJson(explanation), 2) : explainText(explanation))
    return EXIT.ok
  },
}

function neighbours(
  schedule: Schedule,
  from: Instant,
  step: (schedule: Schedule, at: Instant) => Instant | null,
  count: number,
): Instant[] {
  const slots: Instant[] = []
  for (let slot = step(schedule, from); slot !== null && slots.length < count; slot = step(schedule, slot)) {
    slots.push(slot)
  }
  return slots
}
