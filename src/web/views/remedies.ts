import { formatInstant } from '../../core/instant.ts'
import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../../core/placeholder.ts'
import type { Instant, ScheduleSpec, Status } from '../../core/types.ts'
import { type CommandFlags, commandLine, scheduleFlags } from '../../format/command-line.ts'

/** Something that an operator can do about a slot. */
export interface Remedy {
  readonly title: string
  readonly command: string
  readonly note: string
}

export interface CommandTarget {
  /** The value of `--store`. The path of a file is absolute, so that it works in any directory of this machine. */
  readonly store: string
  readonly task: string
  readonly slot: Instant
  readonly schedule: ScheduleSpec | null
}

const RERUN_NOTE = `Replace ${COMMAND_PLACEHOLDER} with the batch command, and ${REASON_PLACEHOLDER} with the reason.`
const RESOLVE_NOTE = `Does not start the batch. Replace ${REASON_PLACEHOLDER} with the reason.`

/** Returns what an operator can do about a slot with this status, the likeliest first. */
export function remediesOf(status: Status, target: CommandTarget, now: Instant): readonly Remedy[] {
  const rerun = {
    title: 'Run it again',
    command: `${command('rerun', target, { reason: REASON_PLACEHOLDER })} -- ${COMMAND_PLACEHOLDER}`,
    note: RERUN_NOTE,
  }
  const resolveAs = (title: string, state: string) => ({
    title,
    command: command('resolve', target, { state, reason: REASON_PLACEHOLDER }),
    note: RESOLVE_NOTE,
  })
  const completed = resolveAs('Mark as completed', 'completed')
  const skipped = resolveAs('Mark as skipped', 'skipped')
  switch (status) {
    case 'missed':
      return [{ ...rerun, title: 'Run it now' }, completed, skipped]
    case 'failed':
    case 'stale':
      return [rerun, completed, skipped]
    case 'scheduled':
      return target.slot > now ? [skipped] : [{ ...rerun, title: 'Run it now' }, skipped]
    case 'running':
    case 'waiting':
      return [
        {
          title: 'Show it in a terminal',
          command: command('show', target),
          note: 'It can be resolved or run again only after it has ended.',
        },
      ]
    case 'skipped':
    case 'completed':
      // A future slot that was completed or skipped needs no action, and a run would have nothing to work on yet.
      return target.slot > now ? [] : [rerun]
    case 'unknown':
      return [
        { title: 'Show it with a newer version', command: command('show', target), note: 'Update cronledger first.' },
      ]
  }
}

/**
 * Returns a complete command. It must work when it is pasted, even if no schedule of the task record has the slot.
 * `show` does not need a schedule to find an instant.
 */
function command(name: string, { store, task, slot, schedule }: CommandTarget, flags: CommandFlags = {}): string {
  const takesSchedule = name !== 'show' && schedule !== null
  const own = { store, task, slot: formatInstant(slot), ...(takesSchedule && scheduleFlags(schedule)) }
  return commandLine(name, { ...own, ...flags })
}
