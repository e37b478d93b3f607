import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { groupedBy } from '../../core/objects.ts'
import type { Rerunnable, Selectable } from '../../core/row/policy.ts'
import type { Instant, Key } from '../../core/types.ts'
import type { LeftOut } from '../../verdict/cautions.ts'
import type { TextVariables } from '../../verdict/command.ts'
import type { CommandPlace } from '../../verdict/place/places.ts'
import { commandsOf } from '../../verdict/place/places.ts'
import { type RepairStep, type SlotToRun, usualTimeOf } from '../../verdict/repair-plan.ts'
import { rangeSteps, rerunStep, type Step } from '../../verdict/steps.ts'
import type { StepTarget } from '../../verdict/target.ts'
import { namedSlots } from '../../verdict/verdict.ts'
import { commandText, stepJson, stepLines } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import type { ShownSlot } from '../slot/show.ts'
import { counted, listed, printable, safeJson } from '../text.ts'
import { plannedJson, plannedLines } from './rerun.ts'

export interface PlannedStep extends SlotToRun {
  readonly zone: string
  /** `named`: the operator named the slot, whatever its status is. `running`: its end is waited for, and nothing starts in it. */
  readonly why: Selectable | 'named' | 'running'
  readonly owner: string | undefined
  readonly shown: ShownSlot
  /** Null: the command after `--` runs here. */
  readonly place: CommandPlace | null
  /** What a run on the place gets. */
  readonly variables: TextVariables
  /** The older slots whose work its run does, too. */
  readonly others: readonly Instant[]
  /** The task comes after others. */
  readonly waits: boolean
}

/** A slot that the repair does not run, the reason as a sentence, and what the operator can do. */
export interface LeftOutSlot extends Key {
  readonly zone: string
  readonly why: Selectable | LeftOut | 'noCommand'
  readonly text: string
  readonly steps: readonly Step[]
  /** The other slots of its task with this reason need the command of the oldest one. */
  readonly isAlike?: true
  /** Nothing says how to start its task. */
  readonly target?: StepTarget
}

export interface RepairPlan {
  readonly store: string
  readonly reason: string | undefined
  readonly by: string
  readonly only: readonly Rerunnable[]
  readonly steps: readonly RepairStep<PlannedStep>[]
  readonly leftOut: readonly LeftOutSlot[]
  /** What the operator must confirm of the places. */
  readonly foreign: readonly string[]
  /** For each task, how long its slots usually take, in milliseconds. Without a task: that is not known. */
  readonly usualMs: ReadonlyMap<string, number>
}

/** Returns `etl/load 2026-11-24 12:00 JST`. */
export function slotName({ task, slot, zone }: Key & { readonly zone: string }): string {
  return `${task} ${zonedTime(slot, zone)}`
}

/** The places that the headline names. A plan lists all. */
const MAX_PLACES = 12

/** Returns what is going to run: `18 slots of 9 tasks of 3 owners, 4 tasks side by side, on ECS batch/… They usually take about 1h 20m.` */
export function headline({ usualMs, foreign, ...plan }: RepairPlan, jobs: number): string {
  const steps = plan.steps.filter(({ slot }) => slot.why !== 'running')
  const waits = plan.steps.length - steps.length
  const tasks = new Set(steps.map(({ slot }) => slot.task))
  const owners = new Set(steps.flatMap(({ slot }) => slot.owner ?? [])).size
  const of = [
    counted(steps.length, 'slot'),
    counted(tasks.size, 'task'),
    ...(owners > 0 ? [counted(owners, 'owner')] : []),
  ]
  const lanes = Math.min(jobs, tasks.size)
  const order = steps.length === 1 ? '' : lanes > 1 ? `, ${lanes} tasks side by side` : ', one after the other'
  const places = new Set(steps.map(({ slot }) => placeName(slot)))
  const shown = [...places].slice(0, MAX_PLACES)
  const more = places.size > shown.length ? [`${places.size - shown.length} more places (--dry-run lists them)`] : []
  const unknown = [...tasks].filter((task) => !usualMs.has(task)).length
  const known = `They usually take about ${elapsed(usualTimeOf(plan.steps, usualMs, jobs))}`
  const without = unknown === 0 ? '' : `, without ${counted(unknown, 'task')} of which that is not known`
  const time = unknown === tasks.size ? 'How long they usually take is not known' : `${known}${without}`
  return [
    `${of.join(' of ')}${order}, ${listed([...shown, ...more], 'and')}. ${time}.`,
    ...(waits === 0 ? [] : [`${counted(waits, 'slot')} of these tasks still run, and are waited for.`]),
    ...foreign.map((text) => `${text}.`),
  ]
    .map(printable)
    .join('\n')
}

function placeName({ place }: Pick<PlannedStep, 'place'>): string {
  return place === null ? 'on this host' : `on ${commandsOf(place).name(place)}`
}

/** Returns the lines of a plan for one step. A plan of one task does not repeat its name. */
export function stepOfPlan(step: RepairStep<PlannedStep>, { steps }: RepairPlan, isOne: boolean): string {
  const { slot } = step
  const [line = '', ...more] = plannedLines(plannedOf(slot)).split('\n')
  const upstream = step.after.flatMap((number) => steps[number]?.slot ?? []).filter(({ task }) => task !== slot.task)
  const after = upstream.length === 0 ? '' : `, after ${listed(upstream.map(slotName), 'and')}`
  return [
    `${isOne ? '' : `${slot.task}  `}${line}${isOne && slot.place === null ? '' : `, ${placeName(slot)}`}${after}`,
    ...more,
  ]
    .map(printable)
    .join('\n')
}

function plannedOf({ task, slot, why, others, shown: { row, schedule, verdict } }: PlannedStep) {
  const { expression, zone, anchor } = schedule
  const spec = { schedule: expression, timezone: zone, ...(anchor !== undefined && { anchor: formatInstant(anchor) }) }
  return {
    slot,
    why: why === 'named' ? ('failed' as const) : why,
    schedule: spec,
    verdict: row && verdict,
    others: namedSlots(task, others),
  }
}

export function stepJsonOfPlan({ slot, after }: RepairStep<PlannedStep>, { steps, usualMs }: RepairPlan): string {
  const waitsFor = after
    .flatMap((number) => steps[number]?.slot ?? [])
    .map((one) => ({ task: one.task, slot: formatInstant(one.slot) }))
  const usual = usualMs.get(slot.task)
  return safeJson({
    ...JSON.parse(plannedJson(slot.task, plannedOf(slot))),
    ...{ place: placeName(slot), after: waitsFor },
    ...(usual !== undefined && { usualMs: usual }),
  })
}

export function leftOutJson({ task, slot, zone, why, text }: LeftOutSlot): string {
  return safeJson({ task, slot: formatInstant(slot), zone, leftOut: why, reason: text })
}

/** Returns a command for each slot, to be pasted alone. */
export function commandOfPlan({ slot }: RepairStep<PlannedStep>, plan: RepairPlan): string {
  return commandText(rerunStep('', { ...slot.shown.target, place: slot.place, only: plan.only }, plan).command)
}

/** So many slots of a reason are named. */
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

/** Returns what a plan says after its steps. */
export function planEnd(plan: RepairPlan, jobs: number): readonly string[] {
  const head = plan.steps.length === 0 ? nothingText(plan) : headline(plan, jobs)
  return [head, ...leftOutLines(plan.leftOut, plan.reason)]
}

export function nothingText({ only, leftOut }: RepairPlan): string {
  return leftOut.length > 0 ? 'Nothing to run.' : `Nothing to run: no slot in the range is ${listed(only, 'or')}.`
}

export interface RepairCounts {
  readonly done: number
  readonly byOthers: number
  readonly failed: number
  readonly unknown: number
  readonly left: number
}

/** Returns `4 done (1 of them by another run), 1 failed, 0 not run.` */
export function countsText({ done, byOthers, failed, unknown, left }: RepairCounts): string {
  const others = byOthers === 0 ? '' : ` (${byOthers} of them by another run)`
  const notKnown = unknown === 0 ? '' : `, ${unknown} with an end that is not known`
  const again = failed + unknown + left === 0 ? '' : ' Run the same command again to continue.'
  return `${done} done${others}, ${failed} failed${notKnown}, ${left} not run.${again}`
}

/** Returns a line of the log of a repair, or with `counts` the last one. */
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
    ...{ time: formatInstant(now), level, event: 'rerun' },
    ...(slot && { task: slot.task, slot: formatInstant(slot.slot) }),
    ...{ ...counts, message },
    ...(steps.length > 0 && { steps: steps.map(stepJson) }),
  })
}

/** Returns the slots that fell due while the repair ran: nothing of it was for them. */
export function fellDueText(slots: readonly (Key & { readonly zone: string })[]): string {
  const [first] = slots
  const more = slots.length > 1 ? ` and ${slots.length - 1} more` : ''
  return `Due since this began, and no part of it: ${first && slotName(first)}${more}. To see how they went: cronledger check`
}
