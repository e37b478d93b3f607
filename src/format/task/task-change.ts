import { endsAfter } from '../../core/task/suspensions.ts'
import type { Suspension, TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { commandLine } from '../command-line.ts'
import { type NextStep, stepLines } from '../steps/step.ts'
import { printable, safeJson } from '../text.ts'
import { bothTimes, isCancelled, openJson, suspensionJson, suspensionText } from './suspensions.ts'

/** A change of a task that an operator asked for, and its effect. */
export interface ChangeReport {
  readonly store: string
  readonly task: string
  /** The time zone of the task. */
  readonly zone: string
  readonly now: Instant
  readonly changed: boolean
  /** The pause or the retirement that was recorded, or those that were ended. */
  readonly suspensions: readonly Suspension[]
  readonly record: TaskRecord
}

/** How many slots up to now are not expected any more. With `isMore`, there may be more than that. */
export interface NotExpected {
  readonly count: number
  readonly isMore: boolean
}

/** Returns the answer to `pause`: what is in force, what it means, and how to end it. */
export function pausedText(report: ChangeReport): string {
  const { task, zone, now, record, suspensions } = report
  const [pause] = suspensions
  if (pause === undefined) return unchangedText(report, 'another operator resumed the task at the same time')
  const hasBegun = pause.from <= now
  const others = record.pauses.filter((one) => one !== pause && endsAfter(one, now))
  return lines([
    `${task}: ${hasBegun ? 'paused' : 'will be paused'} ${suspensionText(pause, zone)}`,
    ...others.map((one) => `  ${one.from <= now ? 'also paused' : 'also planned'} ${suspensionText(one, zone)}`),
    '  During the pause, a scheduled trigger starts nothing, exits with 0 and marks its slot as skipped. A forced run starts.',
    `  Slots in the pause are not missed. ${earlierText(pause)}`,
    ...stepLines([resumeStep('end the pause', report)]),
  ])
}

/** A pause that an operator dates back covers slots that were missed before it was set. */
function earlierText({ from, at }: Suspension): string {
  // A pause from now on begins with the second in which it was set.
  return from < at - (at % 1_000)
    ? 'That includes the slots since then that have no run.'
    : 'A slot that was missed before the pause is still reported.'
}

/** Returns the answer to `retire`. `notExpected` is null if the schedules of the task cannot be read. */
export function retiredText(report: ChangeReport, notExpected: NotExpected | null): string {
  const { task, zone, now, suspensions, changed } = report
  const [retirement] = suspensions
  if (retirement === undefined) return unchangedText(report, 'another operator resumed the task at the same time')
  if (!changed) {
    const isPlanned = retirement.from > now
    return lines([
      `${task}: not changed: ${isPlanned ? 'its retirement is planned already' : 'it is retired already'}, ${suspensionText(retirement, zone)}`,
      ...stepLines([resumeStep(isPlanned ? 'cancel it, then retire the task again' : 'end the retirement', report)]),
    ])
  }
  return lines([
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

/** Returns the answer to `resume`. */
export function resumedText(report: ChangeReport): string {
  const { store, task, zone, now, suspensions, record, changed } = report
  if (!changed) return notResumedText(report)
  const ended = suspensions.filter((one) => !isCancelled(one))
  const end = Math.max(...ended.map(({ until }) => until ?? now))
  const kindOf = (one: Suspension) => (record.retirements.includes(one) ? 'retirement' : 'pause')
  const effect =
    ended.length === 0
      ? 'resumed: no pause or retirement is planned any more'
      : `${end <= now ? 'resumed' : 'will be resumed'}: slots from ${bothTimes(end, zone)} on are expected and run again`
  const stays = '  Slots in that time that did not run stay as they are. They are not missed, and nothing starts them.'
  return lines([
    `${task}: ${effect}`,
    ...suspensions.map(
      (one) => `  ${isCancelled(one) ? 'cancelled' : 'ended'} the ${kindOf(one)} ${suspensionText(one, zone)}`,
    ),
    ...(ended.length === 0 ? [] : [stays]),
    ...stepLines([{ what: 'see its slots', command: commandLine('history', { store, task }) }]),
  ])
}

/** A resumption from a later time ends nothing that is over by then. */
function notResumedText({ task, zone, now, record }: ChangeReport): string {
  const open = [...record.pauses, ...record.retirements].filter((one) => endsAfter(one, now))
  if (open.length === 0) return lines([`${task}: nothing to resume: it is neither paused nor retired`])
  return lines([
    `${task}: not changed: no pause and no retirement goes on at the time that you gave`,
    ...open.map((one) => `  ${one.from <= now ? 'in force' : 'planned'} ${suspensionText(one, zone)}`),
  ])
}

/** Returns the answer as JSON for programs. */
export function changeJson(report: ChangeReport, notExpected?: NotExpected | null): string {
  const { task, changed, suspensions, record, now } = report
  const counts = notExpected === undefined ? {} : { notExpectedSlots: notExpected?.count ?? null }
  return safeJson({ task, changed, changes: suspensions.map(suspensionJson), ...openJson(record, now), ...counts }, 2)
}

function unchangedText({ task }: ChangeReport, why: string): string {
  return lines([`${task}: not changed: ${why}`])
}

/** The commands are complete, so that they work where the reader pastes them. */
function resumeStep(what: string, { store, task }: ChangeReport): NextStep {
  return { what, command: commandLine('resume', { store, task }) }
}

function lines(texts: readonly string[]): string {
  return texts.map(printable).join('\n')
}
