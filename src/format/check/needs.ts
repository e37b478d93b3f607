import { keysOf } from '../../core/objects.ts'
import { failedCaution, STALE_SLOTS_CAUTION } from '../../verdict/cautions.ts'
import type { FindingKind, TaskFinding } from '../../verdict/judge.ts'
import { REMARKS } from '../../verdict/remarks.ts'
import { depthsOf, waitsOf } from '../../verdict/repair-plan.ts'
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
import { targetOfSlot, verdictOf } from '../../verdict/verdict.ts'
import { commandText } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import { commandLines, stepsOnScreen, widthOf } from '../table.ts'
import { printable } from '../text.ts'

interface Group {
  readonly newest: TaskFinding
  readonly oldest: TaskFinding
  readonly count: number
}

/** How the slots of a task are dealt with, in this order. */
const WAYS = ['again', 'stale', 'alone', 'doubt', 'settled'] as const

interface NeedsOfTask {
  readonly owner: string | undefined
  readonly after: readonly string[]
  /** Each slot is in one of these, so that each has a command. */
  readonly groups: Map<string | TaskFinding, Group & { readonly way: (typeof WAYS)[number] }>
  /** The newest slot that failed or is stale. Null: all were missed. */
  tried: TaskFinding | null
  /** The newest failed slot whose work may be done or still going on. */
  unsure: TaskFinding | null
}

type NeedsOfTasks = Map<string, NeedsOfTask>

/** The findings of each task must come newest first. */
export function collectNeeds(): { add(found: TaskFinding): void; readonly needs: NeedsOfTasks } {
  const needs: NeedsOfTasks = new Map()
  return {
    needs,
    add(found) {
      const { task, owner, of } = found
      const after = of.record?.expectations?.after ?? []
      const own: NeedsOfTask = needs.get(task) ?? { owner, after, groups: new Map(), tried: null, unsure: null }
      needs.set(task, own)
      const { way, name } = wayOf(found)
      const before = own.groups.get(name)
      own.groups.set(name, { way, newest: before?.newest ?? found, oldest: found, count: (before?.count ?? 0) + 1 })
      if ((way === 'again' || way === 'stale') && found.kind !== 'missed') own.tried ??= found
      if (way === 'again' && cautionOf(found) !== null) own.unsure ??= found
    },
  }
}

function wayOf(found: TaskFinding): { readonly way: (typeof WAYS)[number]; readonly name: string | TaskFinding } {
  const { doubt, of, status } = found
  // The slots that one change of the schedule leaves in doubt.
  if (doubt !== undefined) return { way: 'doubt', name: `doubt ${doubt.after} ${doubt.until}` }
  switch (of.inForce.length === 0 ? null : found.range) {
    case 'missed':
    case 'failed':
      return { way: 'again', name: 'again' }
    case 'stale':
      return { way: 'stale', name: 'stale' }
    case 'completed':
      if (status === 'completed') return { way: 'settled', name: 'settled' }
  }
  // A range leaves it out.
  return { way: 'alone', name: found }
}

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
  const depths = depthsOf(waitsOf(new Set(needs.keys()), upstreams))
  return [...needs]
    .sort(([one], [other]) => (depths.get(one) ?? 0) - (depths.get(other) ?? 0))
    .map(([task, own]) => {
      const parts = stepsOfTask(own, store, zone)
      const cautions = [...new Set(parts.flatMap((part) => part.cautions.flatMap((text) => text ?? [])))]
      return { task, owner: own.owner, cautions, steps: parts.flatMap(({ steps }) => steps) }
    })
}

function stepsOfTask({ groups, tried, unsure }: NeedsOfTask, store: string, zone?: string): readonly NextSteps[] {
  const [again, stale] = [groups.get('again'), groups.get('stale')]
  const all = [...groups.values()].sort((one, other) => WAYS.indexOf(one.way) - WAYS.indexOf(other.way))
  const isOnly = all.filter(({ way }) => way !== 'doubt' && way !== 'settled').length === 1
  // The operator must first see what an attempt has done.
  const isSeen = tried === null || (tried === stale?.newest && stale.count === 1) || (isOnly && again?.count === 1)
  // Nothing was started in a slot that waited.
  const blocker = isOnly && again?.count === 1 ? undefined : tried?.blockedBy
  const looks =
    blocker !== undefined
      ? [showStep(`see ${blocker.task}, which comes first`, { store, ...blocker })]
      : isSeen
        ? []
        : [lookStep(targetOfSlot(tried, store), 'check the latest log')]
  const unsureText =
    unsure && again?.count !== 1 && `${zonedTime(unsure.slot, zone ?? unsure.schedule.zone)}: ${cautionOf(unsure)}`
  const stepsOf = ({ way, newest, oldest, count }: (typeof all)[number]): NextSteps => {
    const [from, to] = [targetOfSlot(oldest, store), newest.slot + 1000]
    // One slot has the steps of its own verdict, and several have steps for their range.
    if (count === 1)
      return way === 'alone' && !isOnly ? named(needOfOne(newest, store), newest, zone) : needOfOne(newest, store)
    switch (way) {
      case 'stale':
        return {
          cautions: [STALE_SLOTS_CAUTION],
          steps: [...rangeSteps(from, to, ['stale']), ...settleSteps('or mark them as completed', from, to, ['stale'])],
        }
      case 'doubt':
        return needOfDoubts(newest, count, targetOfSlot(newest, store))
      case 'settled':
        return {
          cautions: [SETTLE_CAUTION],
          steps: settleSteps('if they are right, settle them', from, to, keysOf(REMARKS)),
        }
      default:
        return { cautions: [], steps: rangeSteps(from, to, stale && ['missed', 'failed']) }
    }
  }
  return [{ cautions: [unsureText || null], steps: looks }, ...all.map(stepsOf)]
}

const SETTLE_CAUTION = 'Look at each slot that is late or unusual. A rerun does its work a second time.'

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
function needOfDoubts({ doubt }: TaskFinding, count: number, target: StepTarget): NextSteps {
  const { after = 0, until = 0 } = doubt ?? {}
  return {
    cautions: [`${count} slots may not have been due: find out before you run them.`],
    steps: [
      pauseStep(`if none of the ${count} was due`, target, after + 1000, until),
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
  const found = [...needs.values()].flatMap(({ groups }) => groups.get('again') ?? [])
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
  const isAll = [...needs.values()].every(({ groups }) => [...groups.keys()].every((name) => name === 'again'))
  const label = `To ${isAll ? what : what.replace('them', 'the missed and failed slots')}:`
  const line = printable(`${label} ${commandText(command)}`)
  if (columns === null || widthOf([line]) <= columns) return [line]
  return [label, ...commandLines(command, columns, '  ')]
}
