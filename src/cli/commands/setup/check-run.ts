import type { RunOptions } from '../../../api.ts'
import { usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { defined } from '../../../core/objects.ts'
import { readSchedule } from '../../../core/schedule/schedule-options.ts'
import type { Environment } from '../../../core/types.ts'
import { checkTaskName } from '../../../core/user-text.ts'
import { systemClock } from '../../../process/clock.ts'
import { readSettings } from '../../../run/settings.ts'
import { readTrigger, type TriggerInput } from '../../../run/trigger.ts'
import { ok, type SetupFinding, wrong } from '../../../store/finding.ts'
import { readOptions } from '../../options/arguments.ts'
import { readEventTime } from '../../options/event.ts'
import { misspeltVariables } from '../../options/misspelt.ts'
import { checkOldVariables } from '../../options/old-names.ts'
import { RUN_OPTIONS } from '../../options/run-options.ts'
import { runOptions } from '../run.ts'

/** The options of the batch that setup got, from flags or from the environment. */
export interface BatchOptions {
  readonly store: string
  readonly task: string | undefined
  readonly schedule: string | undefined
  readonly timezone: string | undefined
  readonly anchor: string | undefined
}

/** The options of `run` without the required ones, which setup has already read. */
const { store: _, task: __, schedule: ___, ...REST } = RUN_OPTIONS
const COMMAND = 'run'

/** The values of a run, as far as they could be read. */
interface Found {
  options?: RunOptions
  eventTime?: string | undefined
  schedule?: ReturnType<typeof readSchedule>
}

/**
 * A schedule that has a slot for every event time. If no schedule is known, it still finds the errors that an event
 * time has under every schedule.
 */
const ANY_SCHEDULE = { schedule: '@daily' }

/**
 * Reads the values that a run in this environment would read, in the way that the run does, and yields a finding for
 * each. Each wrong value would end the run with 64. A value that is not set here may come from the flags of the run.
 * Returns the options of the run, if they can be read.
 */
export async function* inspectRun(
  batch: BatchOptions,
  env: Environment,
  stop: AbortSignal,
): AsyncGenerator<SetupFinding, RunOptions | undefined> {
  const { store, task = '', schedule, timezone, anchor } = batch
  const found: Found = {}
  const look = async (what: string, text: () => string | Promise<string>) => {
    try {
      return ok(what, await text())
    } catch (error) {
      return wrong(what, error)
    }
  }

  const options = await look('options', async () => {
    checkOldVariables(env)
    const { eventTime, ...values } = readOptions({ name: COMMAND, summary: '', options: REST, examples: [] }, [], env)
    found.eventTime = eventTime
    const all = { ...values, task, schedule: schedule ?? '', timezone, anchor, eventTime: undefined }
    found.options = await runOptions(all, stop)
    readSettings(defined(found.options))
    const given = { ...values, store, task: batch.task, schedule, timezone, anchor, eventTime }
    return misspeltVariables(COMMAND, given, env)
      .map((warning) => `warning: ${warning}`)
      .join(' ')
  })
  if (options.wrong !== null || options.text !== '') yield options
  if (task !== '') {
    yield await look('task', () => {
      checkTaskName(task)
      return task
    })
  }
  const run = found.options
  if (run === undefined) return undefined
  if (schedule !== undefined || timezone !== undefined) {
    yield await look('schedule', () => {
      const read = readSchedule(schedule === undefined ? { ...ANY_SCHEDULE, timezone } : run)
      if (schedule === undefined) return `not set here; its time zone is ${read.spec.zone}`
      found.schedule = read
      return `${read.spec.expression} in ${read.spec.zone}`
    })
  }
  if (options.wrong === null) yield await look('event time', () => eventTimeText(run, found, stop))
  return run
}

/**
 * Describes where a run in this environment would get its event time from. Throws a usage error if the run would refuse
 * the event time.
 */
async function eventTimeText(run: RunOptions, { eventTime, schedule }: Found, stop: AbortSignal): Promise<string> {
  const { force } = run
  // Standard input can be read only once, and the run must do that.
  if (eventTime === '-' && force === undefined) return 'from standard input (CRONLEDGER_EVENT_TIME)'
  if (eventTime === undefined && force === undefined) {
    const without = run.strict
      ? 'a run without it starts nothing (64)'
      : 'a run without it uses the time of its own start'
    return `not set here. The schedule must pass it: ${without}. See cronledger setup --print cloudformation, or eventbridge`
  }
  const input: TriggerInput = {
    ...(eventTime !== undefined && { eventTime: eventTime === '-' ? eventTime : await readEventTime(eventTime, stop) }),
    ...(force !== undefined && {
      // If the schedule is not known, `latest` is the only slot that certainly exists.
      forceSlot: schedule === undefined ? 'latest' : String(force.slot),
      reason: force.reason,
      by: force.by ?? 'setup --check',
    }),
  }
  const settings = readSettings(defined(run))
  const read = readTrigger(input, schedule ?? readSchedule(ANY_SCHEDULE), settings, systemClock.now())
  if (read.trigger.kind === 'forced') {
    const slot = schedule === undefined ? run.force?.slot : formatInstant(read.window.slot)
    return `none: CRONLEDGER_FORCE_SLOT is set, so each run here runs the slot ${slot}`
  }
  const text = `${formatInstant(read.trigger.eventTime)}, from CRONLEDGER_EVENT_TIME`
  if (schedule === undefined || !read.notices.some((notice) => notice.event === 'schedule-mismatch')) return text
  if (read.objection === null) return `${text}; it does not match the schedule`
  throw usageError(`${text}, does not match the schedule. A run would be refused, because --strict is set.`)
}
