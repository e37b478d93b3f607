import { EXIT } from '../../core/exit.ts'
import { endsAfter, openSuspensions } from '../../core/task/suspensions.ts'
import type { Suspension, TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { cronledger, program } from '../../verdict/command.ts'
import type { Step } from '../../verdict/steps.ts'
import { stepLines } from '../command-line.ts'
import { counted, printable, printableLines, safeJson } from '../text.ts'
import { bothTimes, isCancelled, openJson, suspensionJson, suspensionText } from './declaration.ts'

export interface ChangeReport {
  readonly store: string
  readonly task: string
  readonly zone: string
  readonly now: Instant
  readonly changed: boolean
  readonly suspensions: readonly Suspension[]
  readonly record: TaskRecord
}

/** How many slots up to now are not expected any more. With `isMore`, there may be more than that. */
export interface NotExpected {
  readonly count: number
  readonly isMore: boolean
}

export function pausedText(report: ChangeReport): string {
  const { task, zone, now, record, suspensions } = report
  const [pause] = suspensions
  if (pause === undefined) return resumedMeanwhile(report)
  if (!endsAfter(pause, now)) {
    return printableLines([
      pausedLine(task, pause, zone, now),
      '  Its slots without a run are not missed, and nothing starts them: a scheduled trigger that still comes for one marks it as skipped. A forced run starts.',
    ])
  }
  const others = record.pauses.filter((one) => one !== pause && endsAfter(one, now))
  return printableLines([
    pausedLine(task, pause, zone, now),
    ...others.map((one) => `  ${one.from <= now ? 'also paused' : 'also planned'} ${suspensionText(one, zone)}`),
    `  During the pause, a scheduled trigger starts nothing, exits with ${EXIT.ok} and marks its slot as skipped. A forced run starts.`,
    `  Slots in the pause are not missed. ${earlierText(pause)}`,
    ...stepLines([resumeStep('end the pause', report)]),
  ])
}

function pausedLine(task: string, pause: Suspension, zone: string, now: Instant): string {
  const verb = !endsAfter(pause, now) ? 'was paused' : pause.from <= now ? 'paused' : 'will be paused'
  return `${task}: ${verb} ${suspensionText(pause, zone)}`
}

/** A pause that an operator dates back covers slots that were missed before it was set. */
function earlierText({ from, at }: Suspension): string {
  // A pause from now on begins with the second in which it was set.
  return from < at - (at % 1_000)
    ? 'That includes the slots since then that have no run.'
    : 'A slot that was missed before the pause is still reported.'
}

/** `notExpected` is null if the schedules of the task cannot be read. */
export function retiredText(report: ChangeReport, notExpected: NotExpected | null): string {
  const { task, zone, now, suspensions, changed } = report
  const [retirement] = suspensions
  if (retirement === undefined) return resumedMeanwhile(report)
  if (!changed) {
    const isPlanned = retirement.from > now
    return printableLines([
      `${task}: not changed: ${isPlanned ? 'its retirement is planned already' : 'it is retired already'}, ${suspensionText(retirement, zone)}`,
      ...stepLines([resumeStep(isPlanned ? 'cancel it, then retire the task again' : 'end the retirement', report)]),
    ])
  }
  return printableLines([
    `${task}: ${retirement.from <= now ? 'retired' : 'will be retired'} ${suspensionText(retirement, zone)}`,
    `  No slot is expected from then on.${retiredSlotsText(notExpected)}`,
    '  If a scheduled trigger for such a slot still comes, it starts the batch and ends the retirement. So also remove the schedule from the scheduler.',
    ...stepLines([resumeStep('end the retirement', report)]),
  ])
}

function retiredSlotsText(notExpected: NotExpected | null): string {
  if (notExpected === null || notExpected.count === 0) return ''
  const { count, isMore } = notExpected
  return ` That includes the ${isMore ? `${count} or more slots that were` : count === 1 ? 'slot that was' : `${count} slots that were`} due since.`
}

export function resumedText(report: ChangeReport): string {
  const { store, task, zone, suspensions, record, changed } = report
  if (!changed) return notResumedText(report)
  const ended = suspensions.filter((one) => !isCancelled(one))
  const kindOf = (one: Suspension) => (record.retirements.includes(one) ? 'retirement' : 'pause')
  const stays = '  Slots in that time that did not run stay as they are. They are not missed, and nothing starts them.'
  return printableLines([
    `${task}: ${resumedEffect(report)}`,
    ...suspensions.map(
      (one) => `  ${isCancelled(one) ? 'cancelled' : 'ended'} the ${kindOf(one)} ${suspensionText(one, zone)}`,
    ),
    ...(ended.length === 0 ? [] : [stays]),
    ...stepLines([{ kind: 'other', what: 'see its slots', command: cronledger('history', { store, task }) }]),
  ])
}

function resumedEffect({ zone, now, suspensions }: ChangeReport): string {
  const ended = suspensions.filter((one) => !isCancelled(one))
  if (ended.length === 0) return 'resumed: no pause or retirement is planned any more'
  const end = Math.max(...ended.map(({ until }) => until ?? now))
  return `${end <= now ? 'resumed' : 'will be resumed'}: triggers from ${bothTimes(end, zone)} on start the batch again`
}

export function pausedOneText(report: ChangeReport): string {
  const { task, zone, now, suspensions } = report
  const [pause] = suspensions
  return pause === undefined ? resumedMeanwhile(report) : printable(pausedLine(task, pause, zone, now))
}

/** Returns what `resume --all` did in one task, or null if there was and is nothing to end. */
export function resumedOneText(report: ChangeReport): string | null {
  const { task, zone, now, record } = report
  const { pauses, retirement } = openSuspensions(record, now)
  const left = [...pauses, ...(retirement === null ? [] : [retirement])].filter(({ from }) => from <= now)
  if (left.length > 0) {
    const names = left.map((one) => `${one === retirement ? 'retired' : 'paused'} ${suspensionText(one, zone)}`)
    return printable(`${task}: not resumed: still ${names.join(', and ')}`)
  }
  return report.changed ? printable(`${task}: ${resumedEffect(report)}`) : null
}

export interface AllChanged {
  readonly store: string
  readonly changed: number
  readonly failed: readonly string[]
  readonly isOpen: boolean
  /** Whether this user may be allowed to see some of the tasks only. */
  readonly mayHideTasks: boolean
}

/** Row-level security hides tasks without an error. */
const HIDDEN_TASKS =
  '  Only the tasks that this user of the ledger may see are among them: row-level security may hide others.'

export function pausedAllText({ store, changed, failed, isOpen, mayHideTasks }: AllChanged): string {
  const command = program(['cronledger', 'resume', '--all'], { store })
  return printableLines([
    `${counted(changed, 'task')} paused. A task that this ledger does not know yet is not among them, so its first trigger starts the batch.`,
    ...(mayHideTasks ? [HIDDEN_TASKS] : []),
    ...(isOpen
      ? [
          '  A batch that runs now goes on. A run that read the task record just before this pause still starts its batch.',
        ]
      : []),
    ...failedLines(failed, 'paused'),
    ...stepLines(isOpen ? [{ kind: 'other', what: 'end these pauses', command }] : []),
  ])
}

export function resumedAllText({ store, changed, failed, mayHideTasks }: Omit<AllChanged, 'isOpen'>): string {
  return printableLines([
    changed === 0
      ? 'No task had a pause of pause --all to end.'
      : `The pause of ${counted(changed, 'task')} ended. Slots of it that did not run stay as they are: nothing starts them.`,
    ...(mayHideTasks ? [HIDDEN_TASKS] : []),
    ...failedLines(failed, 'resumed'),
    ...stepLines([{ kind: 'other', what: 'see all tasks', command: cronledger('tasks', { store }) }]),
  ])
}

function failedLines(failed: readonly string[], done: string): readonly string[] {
  if (failed.length === 0) return []
  return [
    `  NOT ${done}: ${failed.join(', ')}. Run the same command again. It does no harm to a task that is ${done} already.`,
  ]
}

/** A resumption from a later time ends nothing that is over by then. */
function notResumedText({ task, zone, now, record }: ChangeReport): string {
  const open = [...record.pauses, ...record.retirements].filter((one) => endsAfter(one, now))
  if (open.length === 0) return printableLines([`${task}: nothing to resume: it is neither paused nor retired`])
  return printableLines([
    `${task}: not changed: no pause and no retirement goes on at the time that you gave`,
    ...open.map((one) => `  ${one.from <= now ? 'in force' : 'planned'} ${suspensionText(one, zone)}`),
  ])
}

export function changeJson(report: ChangeReport, notExpected?: NotExpected | null): string {
  const { task, changed, suspensions, record, now } = report
  const counts = notExpected === undefined ? {} : { notExpectedSlots: notExpected?.count ?? null }
  return safeJson(
    { task, changed, suspensions: suspensions.map(suspensionJson), ...openJson(record, now), ...counts },
    2,
  )
}

function resumedMeanwhile({ task }: ChangeReport): string {
  return printable(`${task}: not changed: another operator resumed the task at the same time`)
}

function resumeStep(what: string, { store, task }: ChangeReport): Step {
  return { kind: 'other', what, command: cronledger('resume', { store, task }) }
}
