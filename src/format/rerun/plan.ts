import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { groupedBy } from '../../core/objects.ts'
import type { Rerunnable, Selectable } from '../../core/row/policy.ts'
import type { Instant, Key } from '../../core/types.ts'
import { LEFT_OUT, type LeftOut, neededText, STALE_SLOTS_CAUTION } from '../../verdict/cautions.ts'
import { cronledger, type TextVariables } from '../../verdict/command.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { type CommandPlace, commandsOf } from '../../verdict/place/places.ts'
import { type InOrder, usualTimeOf } from '../../verdict/repair-plan.ts'
import { rangeSteps, rerunStep, type Step, showStep, slotVariables } from '../../verdict/steps.ts'
import type { StepTarget } from '../../verdict/target.ts'
import { namedSlots, targetOfSlot, verdictOf } from '../../verdict/verdict.ts'
import { commandText, stepJson, stepLines } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import { counted, listed, printable, printableLines, safeJson } from '../text.ts'
import { sentenceText } from '../verdict.ts'

export interface SelectedSlot extends JudgedSlot {
  readonly zone: string
  /** `named`: the operator named it, whatever its status is. `running`: its end is waited for, and nothing starts in it. */
  readonly why: Selectable | 'named' | 'running'
  /** The older slots whose work its run does, too, the newest first. */
  readonly others: readonly JudgedSlot[]
}

export interface PlannedSlot extends SelectedSlot {
  readonly place: CommandPlace | null
  /** What its run gets beside the slot, by the flags of a rerun. */
  readonly options: TextVariables
}

export type PlannedStep = InOrder<PlannedSlot>

/** A slot that is not run, the reason as a sentence, and what the operator can do. */
export interface LeftOutSlot extends Key {
  readonly zone: string
  readonly why: Selectable | LeftOut | 'noCommand'
  readonly text: string
  readonly steps: readonly Step[]
  /** The other slots of its task with this reason need the command of the oldest one. */
  readonly isAlike?: true
  readonly target?: StepTarget
}

export interface RepairPlan {
  /** No two plans have the same. */
  readonly id: string
  readonly store: string
  readonly reason: string | undefined
  readonly by: string
  readonly only: readonly Rerunnable[]
  readonly steps: readonly PlannedStep[]
  readonly leftOut: readonly LeftOutSlot[]
  readonly foreign: readonly string[]
  /** For each task, how long its slots usually take, in milliseconds. Without a task: that is not known. */
  readonly usualMs: ReadonlyMap<string, number>
}

export function selectedSlot(judged: JudgedSlot, why: SelectedSlot['why'], others: readonly JudgedSlot[] = []) {
  return { ...judged, zone: judged.schedule.zone, why, others } satisfies SelectedSlot
}

/** A slot that a range leaves out, because its work may be done or was never due. */
export function doubtfulSlot({ task, slot, schedule: { zone } }: JudgedSlot, why: LeftOut, store: string): LeftOutSlot {
  const command = cronledger('check', { store, task, since: formatInstant(slot) })
  const steps = [{ kind: 'show', what: 'see what check says', command } as const]
  return { task, slot, zone, why, text: `${LEFT_OUT[why]}. Read what check says first.`, steps, isAlike: true }
}

export function placeVariables(one: PlannedSlot, { store, only }: Pick<RepairPlan, 'store' | 'only'>): TextVariables {
  const options = Object.entries(one.options).map(([name, value]) => [
    `CRONLEDGER_${name.replaceAll('-', '_').toUpperCase()}`,
    value,
  ])
  return { ...slotVariables({ ...targetOfSlot(one, store), only }), ...Object.fromEntries(options) }
}

/** Returns `etl/load 2026-11-24 12:00 JST`. */
export function slotName({ task, slot, zone }: Key & { readonly zone: string }): string {
  return `${task} ${zonedTime(slot, zone)}`
}

const MAX_PLACES = 12

/** Returns what is going to run: `18 slots of 9 tasks of 3 owners, 4 tasks side by side, on ECS batch/… They usually take about 1h 20m.` */
export function headline({ usualMs, foreign, ...plan }: RepairPlan, jobs: number): string {
  const steps = plan.steps.filter(({ why }) => why !== 'running')
  const waits = plan.steps.length - steps.length
  const tasks = new Set(steps.map(({ task }) => task))
  const owners = new Set(steps.flatMap(({ owner }) => owner ?? [])).size
  const of = [
    counted(steps.length, 'slot'),
    counted(tasks.size, 'task'),
    ...(owners > 0 ? [counted(owners, 'owner')] : []),
  ]
  const lanes = Math.min(jobs, tasks.size)
  const order = steps.length === 1 ? '' : lanes > 1 ? `, ${lanes} tasks side by side` : ', one after the other'
  const places = new Set(steps.map(placeName))
  const shown = [...places].slice(0, MAX_PLACES)
  const more = places.size > shown.length ? [`${places.size - shown.length} more places (--dry-run lists them)`] : []
  const unknown = [...tasks].filter((task) => !usualMs.has(task)).length
  const known = `They usually take about ${elapsed(usualTimeOf(plan.steps, usualMs, jobs))}`
  const without = unknown === 0 ? '' : `, not counting ${counted(unknown, 'task')} for which that is not known`
  const time = unknown === tasks.size ? 'How long they usually take is not known' : `${known}${without}`
  return [
    `${of.join(' of ')}${order}, on ${listed([...shown, ...more], 'and')}. ${time}.`,
    ...(waits === 0 ? [] : [`${counted(waits, 'slot')} of these tasks still run, and are waited for.`]),
    ...cautionsOf(steps),
    ...foreign.map((text) => `${text}.`),
  ]
    .map(printable)
    .join('\n')
}

function placeName({ place }: PlannedSlot): string {
  return place === null ? 'this host' : commandsOf(place).name(place)
}

export function stepOfPlan(step: PlannedStep, { steps, store }: RepairPlan, isOne: boolean): string {
  const upstream = step.after.flatMap((number) => steps[number] ?? []).filter(({ task }) => task !== step.task)
  const after = upstream.length === 0 ? '' : `, after ${listed(upstream.map(slotName), 'and')}`
  const where = isOne && step.place === null ? '' : `, on ${placeName(step)}`
  // The other slots of its task come after this one.
  const needs =
    step.after.length === 0 && step.why !== 'running' && !('ignore-after' in step.options)
      ? neededText(step.of.record)
      : null
  const lines = selectedLines(step, store, isOne ? '' : `${step.task}  `, `${where}${after}`)
  return needs === null ? lines : `${lines}\n${printable(`  ${needs}`)}`
}

function wordOf({ why, range, status }: SelectedSlot): string {
  return why === 'named' ? (range ?? status ?? 'not due') : why
}

/** Returns `2026-11-24T03:00:00Z  2026-11-24 12:00 JST  missed`, with what happened, and below it what must be known. */
export function selectedLines(one: SelectedSlot, store: string, before = '', behind = ''): string {
  const { task, slot, zone, row } = one
  const others = one.others.map((other) => other.slot).reverse()
  const { happened, workText, caution } = verdictOf(one, store)
  const said = row === null ? '' : `: ${sentenceText(happened, slot, zone)} (work: ${workText})`
  const work = sentenceText(namedSlots(task, others), slot, zone)
  return printableLines([
    `${before}${formatInstant(slot)}  ${zonedTime(slot, zone)}  ${wordOf(one)}${said}${behind}`,
    // The end has that of all stale slots.
    ...(caution === null || wordOf(one) === 'stale' ? [] : [`  ${caution}`]),
    ...(others.length === 0 ? [] : [`  Its run does the work of ${work}, too (--each runs each).`]),
  ])
}

export function stepJsonOfPlan(step: PlannedStep, { steps, store, usualMs }: RepairPlan): string {
  const { task, slot, zone, schedule, work, row, others } = step
  const { happened, caution } = verdictOf(step, store)
  const after = step.after.flatMap((number) => steps[number] ?? [])
  return safeJson({
    task,
    slot: formatInstant(slot),
    status: wordOf(step),
    schedule: schedule.expression,
    zone,
    anchor: schedule.anchor === undefined ? null : formatInstant(schedule.anchor),
    work,
    ...(row !== null && { happened: sentenceText(happened, slot, zone) }),
    ...(caution !== null && { caution }),
    ...(others.length > 0 && { others: others.map((other) => formatInstant(other.slot)) }),
    place: placeName(step),
    after: after.map((one) => ({ task: one.task, slot: formatInstant(one.slot) })),
    usualDurationMs: usualMs.get(task),
  })
}

export function leftOutJson({ task, slot, zone, why, text }: LeftOutSlot): string {
  return safeJson({ task, slot: formatInstant(slot), zone, leftOut: why, message: text })
}

export function commandOfPlan(step: PlannedStep, plan: RepairPlan): string {
  const target = { ...targetOfSlot(step, plan.store), place: step.place, only: plan.only }
  return commandText(rerunStep('', target, plan).command)
}

const MAX_LISTED = 10

/** Those of one reason stand together. The slots of a task that need the same command have it once. */
export function leftOutLines(leftOut: readonly LeftOutSlot[], reason?: string): readonly string[] {
  return [...groupedBy(leftOut, ({ text }) => text)].flatMap(([text, slots]) => {
    const inOrder = slots.toSorted((one, other) => one.slot - other.slot)
    const ofTasks = groupedBy(inOrder, ({ task, slot, isAlike }) => (isAlike ? task : `${task} ${slot}`))
    const named = [...ofTasks.values()].slice(0, MAX_LISTED)
    const more = slots.length - named.flat().length
    return [
      `Left out: ${counted(slots.length, 'slot')}. ${text}`,
      ...named.flatMap((some) => linesOf(some, reason)),
      ...(more > 0 ? [`  and ${more} more (--dry-run --json lists them)`] : []),
    ].map(printable)
  })
}

function linesOf(slots: readonly LeftOutSlot[], reason: string | undefined): readonly string[] {
  const [first, last] = [slots[0], slots.at(-1)]
  if (first === undefined || last === undefined) return []
  const others = slots.length === 1 ? '' : ` and ${counted(slots.length - 1, 'slot')} after it`
  const range =
    first.target && slots.length > 1
      ? rangeSteps(first.target, last.slot + 1_000, undefined, reason).slice(1)
      : first.steps
  return [`  ${slotName(first)}${others}`, ...stepLines(range).map((line) => `  ${line}`)]
}

export function planEnd(plan: RepairPlan, jobs: number): readonly string[] {
  const head = plan.steps.length === 0 ? nothingText(plan) : headline(plan, jobs)
  return [head, ...leftOutLines(plan.leftOut, plan.reason)]
}

type Selection = Pick<RepairPlan, 'leftOut'> & { readonly only: readonly Selectable[] }

/** Returns what a list of slots says at its end: `2 missed, 1 failed`, and which slots are left out. */
export function selectionEnd(slots: readonly SelectedSlot[], { only, leftOut }: Selection): readonly string[] {
  const counts = only.map((word) => ({ word, count: slots.filter(({ why }) => why === word).length }))
  const words = counts.flatMap(({ word, count }) => (count === 0 ? [] : `${count} ${word}`))
  const head = words.length === 0 ? nothingText({ only, leftOut }, 'resolve') : words.join(', ')
  return [head, ...cautionsOf(slots), ...leftOutLines(leftOut)]
}

export function nothingText({ only, leftOut }: Selection, verb = 'run'): string {
  return leftOut.length > 0
    ? `Nothing to ${verb}.`
    : `Nothing to ${verb}: no slot in the range is ${listed(only, 'or')}.`
}

function cautionsOf(slots: readonly SelectedSlot[]): readonly string[] {
  return slots.some((one) => wordOf(one) === 'stale') ? [STALE_SLOTS_CAUTION] : []
}

export interface RepairCounts {
  readonly done: number
  readonly byOthers: number
  readonly failed: number
  readonly unknown: number
  readonly left: number
}

export function countsText(counts: RepairCounts & { readonly leftOut: number }): string {
  const { done, byOthers, failed, unknown, left, leftOut } = counts
  const others = byOthers === 0 ? '' : ` (${byOthers} of them by another run)`
  const notKnown = unknown === 0 ? '' : `, ${unknown} with an end that is not known`
  const again = failed + unknown + left === 0 ? '' : ' Run the same command again to continue.'
  const out = leftOut === 0 ? '' : ` Left out: ${leftOut}, named above.`
  return `${done} done${others}, ${failed} failed${notKnown}, ${left} not run.${again}${out}`
}

/** Returns the slots that failed, each with the command that shows it: their lines may be far above. */
export function failedLines(failed: readonly { readonly one: PlannedSlot; readonly text: string }[], store: string) {
  const more = failed.length - MAX_LISTED
  const lines = failed.slice(0, MAX_LISTED).flatMap(({ one, text }) => {
    const step = showStep('see what happened', { store, task: one.task, slot: one.slot })
    return [`  ${slotName(one)}: ${text}`, ...stepLines([step]).map((line) => `  ${line}`)]
  })
  const head = failed.length === 0 ? [] : [`Failed: ${counted(failed.length, 'slot')}.`]
  return [...head, ...lines, ...(more > 0 ? [`  and ${more} more (cronledger check lists them)`] : [])].map(printable)
}

export function repairJson(
  level: 'info' | 'warn' | 'error',
  message: string,
  now: Instant,
  {
    slot,
    steps = [],
    counts = {},
  }: { readonly slot?: Key; readonly steps?: readonly Step[]; readonly counts?: object },
): string {
  return safeJson({
    time: formatInstant(now),
    level,
    event: 'rerun',
    ...(slot && { task: slot.task, slot: formatInstant(slot.slot) }),
    ...counts,
    message,
    ...(steps.length > 0 && { steps: steps.map(stepJson) }),
  })
}

const BAR_CHARS = 20

/** Returns the line before each slot: `[#####...............] 25%  1 of 4 done, next nightly 2026-… (missed)`. */
export function progressLine(
  done: number,
  total: number,
  next: Parameters<typeof slotName>[0] & Pick<SelectedSlot, 'why'>,
) {
  const bar = '#'.repeat(Math.round((done / total) * BAR_CHARS)).padEnd(BAR_CHARS, '.')
  const share = Math.floor((done / total) * 100)
  return printable(`[${bar}] ${share}%  ${done} of ${total} done, next ${slotName(next)} (${next.why})`)
}

/** Returns the slots that fell due while the repair ran: nothing of it was for them. */
export function fellDueText(slots: readonly (Key & { readonly zone: string })[]): string {
  const [first] = slots
  const more = slots.length > 1 ? ` and ${slots.length - 1} more` : ''
  return `Due after this began, so not part of it: ${first && slotName(first)}${more}. To see how they went: cronledger check`
}
