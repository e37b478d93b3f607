import { formatInstant } from '../../core/instant.ts'
import type { Instant, ScheduleSpec } from '../../core/types.ts'
import { commandLine, scheduleFlags } from '../../format/command-line.ts'
import type { Mark } from './marks.ts'

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

const RERUN_NOTE = 'Put the batch’s own command in the place of COMMAND, and say why in the place of WHY.'
const RESOLVE_NOTE = 'Starts nothing; puts your word on record. Say why in the place of WHY.'

/** Returns what an operator can do about a slot with this mark, the likeliest first. */
export function remediesOf(mark: Mark, target: CommandTarget, now: Instant): readonly Remedy[] {
  const rerun = {
    title: 'Run it again',
    command: `${command('rerun', target)} --reason WHY -- COMMAND`,
    note: RERUN_NOTE,
  }
  const resolveAs = (title: string, state: string) => ({
    title,
    command: `${command('resolve', target)} --state ${state} --reason WHY`,
    note: RESOLVE_NOTE,
  })
  const completed = resolveAs('Say that its work is done', 'completed')
  const skipped = resolveAs('Say that it shall not run', 'skipped')
  switch (mark) {
    case 'missed':
      return [{ ...rerun, title: 'Run it now' }, completed, skipped]
    case 'failed':
    case 'stale':
      return [rerun, completed, skipped]
    case 'due':
      return [{ ...rerun, title: 'Run it now' }, skipped]
    case 'next':
      return [skipped]
    case 'running':
      return [
        {
          title: 'See it in a terminal',
          command: command('show', target),
          note: 'It cannot be settled or run again before it has ended.',
        },
      ]
    case 'skipped':
    case 'completed':
      // A future slot that was completed or skipped needs no action, and a run would have nothing to work on yet.
      return target.slot > now ? [] : [rerun]
    case 'unknown':
      return [
        { title: 'Read it with a newer version', command: command('show', target), note: 'Update cronledger first.' },
      ]
  }
}

/**
 * Returns a complete command. It must work when it is pasted, even if no schedule of the task record has the slot.
 * `show` does not need a schedule to find an instant.
 */
function command(name: string, { store, task, slot, schedule }: CommandTarget): string {
  const takesSchedule = name !== 'show' && schedule !== null
  return commandLine(name, { store, task, slot: formatInstant(slot), ...(takesSchedule && scheduleFlags(schedule)) })
}
