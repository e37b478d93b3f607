import { keysOf } from '../../core/objects.ts'
import { failedCaution, STALE_SLOTS_CAUTION } from '../../verdict/cautions.ts'
import type { FindingKind, TaskFinding } from '../../verdict/judge.ts'
import { REMARKS } from '../../verdict/remarks.ts'
import {
  lookStep,
  neededSteps,
  pauseStep,
  rangeSteps,
  repairStep,
  rerunStep,
  type Step,
  settleSteps,
  showStep,
} from '../../verdict/steps.ts'
import type { StepTarget } from '../../verdict/target.ts'
import { depthOf } from '../../verdict/upstream.ts'
import { targetOfSlot, verdictOf } from '../../verdict/verdict.ts'
import { commandText } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import { commandLines, stepsOnScreen, widthOf } from '../table.ts'
import { printable } from '../text.ts'
import { isSameDoubt } from './finding.ts'

/** Slots for which one command does the same. */
interface Group {
  readonly newest: TaskFinding
  readonly oldest: TaskFinding
  readonly count: number
}

/** What is found of a task. Each slot is in one of these, so that each has a command. */
interface OpenFindings {
  /** Missed and failed slots, which the rerun of a range runs. */
  readonly again: Group | null
  readonly stale: Group | null
  /** Completed slots that need a look: one decision for all of them. */
  readonly settled: Group | null
  /** The slots that a change of the schedule leaves in doubt, change by change. */
  readonly doubts: readonly Group[]
  /** Slots that need a decision of their own: a range leaves them out. */
  readonly alone: readonly TaskFinding[]
  /** The newest slot that failed or is stale. Null: all were missed. */
  readonly tried: TaskFinding | null
  /** The newest failed slot whose work may be done or still going on. */
  readonly unsure: TaskFinding | null
}

interface NeedsOfTask extends OpenFindings {
  readonly owner: string | undefined
  readonly after: readonly string[]
}

const NOTHING: OpenFindings = {
  again: null,
  stale: null,
  settled: null,
  doubts: [],
  alone: [],
  tried: null,
  unsure: null,
}

type NeedsOfTasks = Map<string, NeedsOfTask>

/** Returns an empty collection of the findings for `needsLines`. They come newest first for each task. */
export function collectNeeds(): { add(found: TaskFinding): void; readonly needs: NeedsOfTasks } {
  const needs: NeedsOfTasks = new Map()
  return {
    needs,
    add(found) {
      const { task, owner, of } = found
      const before = needs.get(task) ?? { ...NOTHING, owner, after: of.record?.expectations?.after ?? [] }
      needs.set(task, { ...before, ...withFinding(before, found) })
    },
  }
}

function withFinding(before: NeedsOfTask, found: TaskFinding): Partial<OpenFindings> {
  const { again, stale, settled, doubts, alone } = before
  const seen = { tried: before.tried ?? (found.kind === 'missed' ? null : found) }
  if (found.doubt !== undefined) return { doubts: withDoubt(doubts, found) }
  switch (found.of.inForce.length === 0 ? null : found.range) {
    case 'missed':
    case 'failed':
      return {
        ...seen,
        again: joined(again, found),
        unsure: before.unsure ?? (cautionOf(found) === null ? null : found),
      }
    case 'stale':
      return { ...seen, stale: joined(stale, found) }
    case 'completed':
      if (found.status === 'completed') return { settled: joined(settled, found) }
  }
  return { alone: [...alone, found] }
}

function joined(before: Group | null, found: TaskFinding): Group {
  return before === null
    ? { newest: found, oldest: found, count: 1 }
    : { ...before, oldest: found, count: before.count + 1 }
}

function withDoubt(before: readonly Group[], found: TaskFinding): readonly Group[] {
  const last = before.at(-1)
  if (last === undefined || !isSameDoubt(last.newest, found)) return [...before, joined(null, found)]
  return [...before.slice(0, -1), joined(last, found)]
}

/** Returns the caution of a failed slot of a range, whose words are not printed. */
function cautionOf({ own, kind }: TaskFinding): string | null {
  return kind === 'failed' ? failedCaution(own) : null
}

interface NextSteps {
  readonly cautions: readonly (string | null)[]
  readonly steps: readonly Step[]
}

export interface TaskNeed {
  readonly task: string
  readonly owner: string | undefined
  readonly cautions: readonly string[]
  readonly steps: readonly Step[]
}

/** A task comes after those that it waits for. `zone`: of all times. Left out: that of the schedule of each slot. */
export function needsOf(needs: NeedsOfTasks, store: string, zone?: string): readonly TaskNeed[] {
  const upstreams = new Map([...needs].map(([task, { after }]) => [task, after]))
  const depths = new Map([...needs.keys()].map((task) => [task, depthOf(task, new Set(needs.keys()), upstreams)]))
  return [...needs]
    .sort(([one], [other]) => (depths.get(one) ?? 0) - (depths.get(other) ?? 0))
    .map(([task, own]) => {
      const parts = stepsOfTask(own, store, zone)
      const cautions = [...new Set(parts.flatMap((part) => part.cautions.flatMap((text) => text ?? [])))]
      return { task, owner: own.owner, cautions, steps: parts.flatMap(({ steps }) => steps) }
    })
}

function stepsOfTask(
  { again, stale, settled, doubts, alone, tried, unsure }: NeedsOfTask,
  store: string,
  zone: string | undefined,
): readonly NextSteps[] {
  const of = (found: TaskFinding) => needOfOne(found, store)
  const targetOf = (found: TaskFinding) => targetOfSlot(found, store)
  /** One slot has the steps of its own verdict, and several have steps for their range. */
  const ofGroup = (
    group: Group | null,
    caution: string | null,
    stepsOf: (from: StepTarget, to: number) => readonly Step[],
  ) => {
    if (group === null) return []
    const { count, newest, oldest } = group
    return [count === 1 ? of(newest) : { cautions: [caution], steps: stepsOf(targetOf(oldest), newest.slot + 1000) }]
  }
  const isOnly = [again, stale].filter((group) => group !== null).length + alone.length === 1
  // The operator must first see what an attempt has done.
  const isSeen = tried === null || (tried === stale?.newest && stale.count === 1) || (isOnly && again?.count === 1)
  // Nothing was started in a slot that waited.
  const blocker = tried?.blockedBy
  const looks =
    isSeen && (blocker === undefined || (isOnly && again?.count === 1))
      ? []
      : blocker !== undefined
        ? [showStep(`see ${blocker.task}, which comes first`, { store, ...blocker })]
        : tried === null
          ? []
          : [lookStep(targetOf(tried), 'check the latest log')]
  const unsureText =
    unsure && again?.count !== 1 && `${zonedTime(unsure.slot, zone ?? unsure.schedule.zone)}: ${cautionOf(unsure)}`
  return [
    { cautions: [unsureText || null], steps: looks },
    ...ofGroup(again, null, (from, to) => rangeSteps(from, to, stale === null ? undefined : ['missed', 'failed'])),
    ...ofGroup(stale, STALE_SLOTS_CAUTION, (from, to) => [
      ...rangeSteps(from, to, ['stale']),
      ...settleSteps('or mark them as completed', from, to, ['stale']),
    ]),
    ...alone.map((found) => (isOnly ? of(found) : named(of(found), found, zone))),
    ...doubts.map((group) => needOfDoubts(group, targetOf(group.newest), of)),
    ...ofGroup(settled, SETTLE_CAUTION, (from, to) =>
      settleSteps('if they are right, settle them', from, to, keysOf(REMARKS)),
    ),
  ]
}

const SETTLE_CAUTION = 'Look at each slot that is late or unusual. To run it again does its work a second time.'

function needOfOne(found: TaskFinding, store: string): NextSteps {
  const { caution, steps } = verdictOf(found, store)
  return { cautions: [caution], steps: neededSteps(steps) }
}

/** Each of several slots has steps of its own, so that its time stands before them. */
function named({ cautions, steps }: NextSteps, { slot, schedule }: TaskFinding, zone = schedule.zone): NextSteps {
  const time = zonedTime(slot, zone)
  return {
    cautions: cautions.map((text) => text && `${time}: ${text}`),
    steps: steps.map((step) => ({ ...step, what: `${time}: ${step.what}` })),
  }
}

/** One pause over the time around the change of the schedule settles all slots that were not due. */
function needOfDoubts(
  { newest, count }: Group,
  target: StepTarget,
  needOf: (found: TaskFinding) => NextSteps,
): NextSteps {
  const { doubt } = newest
  if (count === 1 || doubt === undefined) return needOf(newest)
  return {
    cautions: [`${count} slots may not have been due: find out before you run them.`],
    steps: [
      pauseStep(`if none of the ${count} was due`, target, doubt.after + 1000, doubt.until),
      rerunStep(`or run one of the ${count}`, target),
    ],
  }
}

export function needsLines(needs: NeedsOfTasks, store: string, columns: number | null = null): readonly string[] {
  return needsOf(needs, store).flatMap(({ task, owner, cautions, steps }) => [
    '',
    printable(`${task}:`),
    ...stepsOnScreen(owner, cautions, steps, columns),
  ])
}

/** What the operator asked the check for: the command that repairs it must not run anything else. */
export interface RepairScope {
  /** Undefined: the shell of the reader has it. */
  readonly store: string | undefined
  readonly task: string | undefined
  readonly owner: string | undefined
  readonly status: readonly FindingKind[] | undefined
  /** The check went up to now. */
  readonly isOpen: boolean
}

/**
 * Returns the one command for the missed and failed slots of several tasks, with the same filter as the check, on one line or as
 * a screen has room. Empty: there are no such slots, or of one task only.
 */
export function repairLines(
  needs: NeedsOfTasks,
  { status, isOpen, ...scope }: RepairScope,
  columns: number | null = null,
): readonly string[] {
  const found = [...needs.values()].flatMap(({ again }) => again ?? [])
  if (needs.size < 2 || found.length === 0) return []
  const kinds = ['missed', 'failed'] as const
  const only = status && kinds.filter((kind) => status.includes(kind))
  const { what, command } = repairStep({
    ...scope,
    task: scope.task ?? null,
    only: only?.length === 1 ? only : undefined,
    from: Math.min(...found.map(({ oldest }) => oldest.slot)),
    to: isOpen ? null : Math.max(...found.map(({ newest }) => newest.slot)),
  })
  const isAll = [...needs.values()].every(
    ({ stale, settled, doubts, alone }) => stale === null && settled === null && doubts.length + alone.length === 0,
  )
  const label = `To ${isAll ? what : what.replace('them', 'the missed and failed slots')}:`
  const line = printable(`${label} ${commandText(command)}`)
  if (columns === null || widthOf([line]) <= columns) return [line]
  return [label, ...commandLines(command, columns, '  ')]
}
