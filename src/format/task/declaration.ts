import { EXIT } from '../../core/exit.ts'
import { formatInstant } from '../../core/instant.ts'
import { defined } from '../../core/objects.ts'
import { signWarnings } from '../../core/schedule/warnings.ts'
import type { Period } from '../../core/task/schedule-switch.ts'
import { type FoundSuspension, isRetired, openSuspensions } from '../../core/task/suspensions.ts'
import {
  type Decided,
  inForceAt,
  isOnlyDeclared,
  type ScheduleSince,
  type Suspension,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { scheduleText } from '../../verdict/sentence.ts'
import { zonedTime } from '../local-time.ts'
import { counted, type Labelled, labelled, newLedgerText, printableLines, safeJson } from '../text.ts'

export interface DeclarationReport {
  readonly task: string
  readonly changed: boolean
  readonly record: TaskRecord
  readonly created?: string
  readonly unknownAfter?: readonly string[]
  readonly affected?: readonly Period[]
  readonly next: readonly Instant[]
  readonly now: Instant
}

export function declaredText(report: DeclarationReport): string {
  const { task, changed, record, created, unknownAfter = [], affected, next, now } = report
  const zoneAt = (at: Instant) => inForceAt(record.schedules, at)?.spec.zone ?? 'UTC'
  const slots = next.map((slot) => `${formatInstant(slot)}  ${zonedTime(slot, zoneAt(slot))}`)
  const facts = [
    ...schedulesAhead(record, now),
    ...labelled('next slots', slots, 'none'),
    ...labelled('effect', affected?.map(periodText) ?? [], affected && changed ? NOTHING_AFFECTED : undefined),
    ...openTexts(record, now, zoneAt(now)),
    ...labelled('note', [
      ...(created === undefined ? [] : [newLedgerText(created)]),
      ...unknownAfter.map(
        (name) =>
          `${name.endsWith('*') ? 'a task' : 'task'} ${name} of --after is not recorded yet. Until it is, a run is a usage error (${EXIT.usage})`,
      ),
    ]),
    ...labelled('warning', changed ? signWarnings(record.schedules.at(-1)?.spec.zone ?? '') : []),
  ]
  const end = '  No scheduled run of this task is recorded yet. A slot from then on without a run is missed.'
  return printableLines([
    `${task}: ${changed ? (affected ? 'would change. This dry run recorded nothing' : 'declared') : 'not changed: it is recorded already'}`,
    ...facts.map(([label, text]) => `  ${label.padEnd(10)}  ${text}`),
    ...(isOnlyDeclared(record) ? [end] : []),
  ])
}

const NOTHING_AFFECTED = 'none: no day, week, month or year runs more or less often than under one of the two schedules'

function periodText({ unit, name, runs, withFrom, withTo }: Period): string {
  const often = ['never runs', 'runs once', 'runs twice'][runs] ?? `runs ${runs} times`
  return `${unit === 'week' ? 'the week of ' : ''}${name} ${often}: it has ${counted(withFrom, 'slot')} under the old schedule, and ${counted(withTo, 'slot')} under the new one`
}

export function schedulesAhead({ schedules }: Pick<TaskRecord, 'schedules'>, now: Instant): readonly Labelled[] {
  return currentAndLater(schedules, now).map((one, index) => {
    const begin = one.since > now ? `from ${formatInstant(one.since)} on` : `since ${formatInstant(one.since)}`
    const state = confirmationText(one)
    return [index === 0 ? 'schedule' : 'then', `${scheduleText(one.spec)}, ${begin}${state && `, ${state}`}`]
  })
}

/** Returns what is to be said of a schedule under which no scheduled run has run. The text is empty if one has. */
export function confirmationText({ declared }: Pick<ScheduleSince, 'declared'>): string {
  if (declared === undefined || declared === 'confirmed') return ''
  return `${declared === 'forced' ? 'forced' : 'declared'}, no scheduled run yet`
}

function currentAndLater(schedules: TaskRecord['schedules'], now: Instant): TaskRecord['schedules'] {
  const current = inForceAt(schedules, now)
  return schedules.filter((one) => one === current || one.since > now)
}

export function declaredJson({
  task,
  changed,
  record,
  created,
  unknownAfter,
  affected,
  next,
  now,
}: DeclarationReport): string {
  const schedules = currentAndLater(record.schedules, now).map(storedScheduleJson)
  const facts = {
    task,
    changed,
    ...defined({ created, unknownAfter, affected }),
    schedules,
    nextSlots: next.map(formatInstant),
  }
  return safeJson({ ...facts, ...openJson(record, now) }, 2)
}

export function storedScheduleJson({ since, spec, declared }: ScheduleSince) {
  return {
    since: formatInstant(since),
    schedule: spec.expression,
    zone: spec.zone,
    ...(spec.anchor !== undefined && { anchor: formatInstant(spec.anchor) }),
    ...(declared !== undefined && { declared }),
  }
}

// Texts about the pauses and retirements of a task. They are not yet safe on a terminal.

export function bothTimes(instant: Instant, zone: string): string {
  return `${zonedTime(instant, zone)} (${formatInstant(instant)})`
}

export function isCancelled({ from, until }: Suspension): boolean {
  return until !== null && until <= from
}

export function suspensionText(one: Suspension, zone: string): string {
  const { from, until, ended } = one
  const end = until === null ? ' on' : ` until ${bothTimes(until, zone)}`
  const span = isCancelled(one) ? `planned from ${bothTimes(from, zone)}` : `from ${bothTimes(from, zone)}${end}`
  const ending = ended && ` (${isCancelled(one) ? 'cancelled' : 'ended'} ${decidedText(ended)})`
  return `${span}, ${decidedText(one)}${ending ?? ''}`
}

function decidedText({ by, reason }: Decided): string {
  return `by ${by}: ${reason}`
}

/** Returns why a slot is not expected, as a part of a sentence: `because of the pause from … until …, by ada: reason`. */
export function notExpectedText({ kind, suspension }: FoundSuspension, zone: string): string {
  return `because of the ${kind} ${suspensionText(suspension, zone)}`
}

/** Returns what is in force and planned, by name, as the list of the tasks and the answers of the commands show it. */
export function openTexts(record: TaskRecord, now: Instant, zone: string): readonly Labelled[] {
  const { pauses, retirement } = openSuspensions(record, now)
  const named = (one: Suspension, name: string, noun: string) => {
    const text = suspensionText(one, zone)
    return one.from <= now ? ([name, text] as const) : (['planned', `${noun} ${text}`] as const)
  }
  return [
    ...pauses.map((one) => named(one, 'paused', 'pause')),
    ...(retirement === null ? [] : [named(retirement, 'retired', 'retirement')]),
  ]
}

export function suspensionJson({ from, until, scope, ended, ...decided }: Suspension) {
  return {
    from: formatInstant(from),
    until: until === null ? null : formatInstant(until),
    ...(scope && { scope }),
    ...decidedJson(decided),
    ...(ended !== undefined && { ended: decidedJson(ended) }),
  }
}

function decidedJson({ at, by, reason }: Decided) {
  return { at: formatInstant(at), by, reason }
}

export function openJson(record: TaskRecord, now: Instant) {
  const { pauses, retirement } = openSuspensions(record, now)
  return {
    paused: pauses.some(({ from }) => from <= now),
    pauses: pauses.map(suspensionJson),
    retired: isRetired(record, now),
    retirement: retirement === null ? null : suspensionJson(retirement),
  }
}
