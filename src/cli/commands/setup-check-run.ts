import type { RunOptions } from '../../api.ts'
import { usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { defined } from '../../core/row/stored-fields.ts'
import { readSchedule } from '../../core/schedule/schedule-options.ts'
import { checkTaskName } from '../../core/task.ts'
import { systemClock } from '../../process/clock.ts'
import { readSettings } from '../../run/settings.ts'
import { readTrigger, type TriggerInput } from '../../run/trigger.ts'
import { type Finding, ok, wrong } from '../../store/finding.ts'
import { type Environment, readOptions } from '../options/arguments.ts'
import { readEvent } from '../options/event.ts'
import { RUN_OPTIONS } from '../options/run-options.ts'
import { runOptions } from './run.ts'

/** What setup was given of the batch, by flags or by the environment. */
export interface BatchOptions {
  readonly task: string | undefined
  readonly schedule: string | undefined
  readonly timezone: string | undefined
  readonly anchor: string | undefined
}

/** What setup itself does not read. */
const { store: _, task: __, schedule: ___, ...REST } = RUN_OPTIONS

/** Each time has a slot of it: where no schedule is known, what is wrong with the time under any is found all the same. */
const ANY_SCHEDULE = { schedule: '@daily' }

/**
 * Reads what a run in this environment would read, as the run itself does: what is wrong ends each of them with 64. What
 * is not set may come by the run's flags.
 */
export async function* inspectRun(batch: BatchOptions, env: Environment, stop: AbortSignal): AsyncGenerator<Finding> {
  const { task = '', schedule, timezone, anchor } = batch
  const found: { options?: RunOptions; event?: string | undefined; schedule?: ReturnType<typeof readSchedule> } = {}
  const look = async (what: string, text: () => string | Promise<string>) => {
    try {
      return ok(what, await text())
    } catch (error) {
      return wrong(what, error)
    }
  }

  const options = await look('options', async () => {
    const { event, ...values } = readOptions({ name: 'run', summary: '', options: REST, examples: [] }, [], env)
    found.event = event
    const all = { ...values, task, schedule: schedule ?? '', timezone, anchor, event: undefined }
    found.options = await runOptions(all, stop)
    readSettings(defined(found.options))
    return ''
  })
  if (options.wrong !== null) yield options
  if (task !== '') {
    yield await look('task', () => {
      checkTaskName(task)
      return task
    })
  }
  const run = found.options
  if (run === undefined) return
  if (schedule !== undefined || timezone !== undefined) {
    yield await look('schedule', () => {
      const read = readSchedule(schedule === undefined ? { ...ANY_SCHEDULE, timezone } : run)
      if (schedule === undefined) return `not set here; it is read in ${read.spec.zone}`
      found.schedule = read
      return `${read.spec.expression} in ${read.spec.zone}`
    })
  }
  if (options.wrong === null) yield await look('event time', () => eventTimeText(run, found, stop))
}

/** Where a run in this environment would have its event time from. */
async function eventTimeText(
  run: RunOptions,
  { event, schedule }: { readonly event?: string | undefined; readonly schedule?: ReturnType<typeof readSchedule> },
  stop: AbortSignal,
): Promise<string> {
  const { eventTime, force } = run
  // Standard input can be read once, and that is the run's.
  if (eventTime === undefined && force === undefined && event === '-') return 'from standard input (CRONLEDGER_EVENT)'
  if (eventTime === undefined && force === undefined && event === undefined) {
    const without = run.requireEventTime ? 'a run may refuse to start' : "a run's own start stands in for it"
    return `not set here: ${without}. To have it set: cronledger setup --print eventbridge`
  }
  const input: TriggerInput = {
    ...(eventTime !== undefined && { eventTime: String(eventTime) }),
    ...(event !== undefined && { event: event === '-' ? event : await readEvent(event, stop) }),
    ...(force !== undefined && {
      // Of a schedule that is not known, the only slot that is certain.
      forceSlot: schedule === undefined ? 'latest' : String(force.slot),
      reason: force.reason,
      by: force.by ?? 'setup --check',
    }),
  }
  const settings = readSettings(defined(run))
  const read = readTrigger(input, schedule ?? readSchedule(ANY_SCHEDULE), settings, systemClock.now())
  if (read.trigger.kind === 'forced') {
    const slot = schedule === undefined ? run.force?.slot : formatInstant(read.window.slot)
    return `none: CRONLEDGER_FORCE_SLOT is set, and each run here is of the slot ${slot}`
  }
  const variable = eventTime === undefined ? 'CRONLEDGER_EVENT' : 'CRONLEDGER_EVENT_TIME'
  const text = `${formatInstant(read.trigger.eventTime)}, from ${variable}`
  if (schedule === undefined || !read.notices.some((notice) => notice.event === 'schedule-mismatch')) return text
  if (read.objection === null) return `${text}, which is no time at which the schedule fires`
  throw usageError(`${text}, is no time at which the schedule fires: a run is refused (on-mismatch is refuse)`)
}
