import { hasStarted } from '../../core/row/attempts.ts'
import { terminalState } from '../../core/row/decide.ts'
import { isUnreadable } from '../../core/row/status.ts'
import type { TaskFinding } from '../../core/task/findings.ts'
import { cautionsOfSlots, failedCaution } from '../../verdict/cautions.ts'
import {
  lookStep,
  neededSteps,
  pauseStep,
  rangeSteps,
  repairStep,
  rerunStep,
  type Step,
  showStep,
} from '../../verdict/steps.ts'
import type { Verdict } from '../../verdict/verdict.ts'
import { commandText, ownerLines, stepLines } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import { printable } from '../text.ts'
import { doubtOf, type FindingGroup, findingTarget, isSameDoubt, rowOf, verdictOfFinding } from './finding.ts'

/** The findings of a task about which the operator can do something, or whose owner can. */
interface OpenFindings {
  readonly owner: string | undefined
  readonly rerunnable: RerunnableNeeds | null
  /** The newest slot that needs attention, and that the rerun of a range leaves out. Null if there is none. */
  readonly notInRange: TaskFinding | null
  /** The missed slots that the newest change of the schedule leaves in doubt. Null if there is none. */
  readonly doubts: FindingGroup | null
  readonly overdue: TaskFinding | null
}

interface RerunnableNeeds {
  readonly oldest: TaskFinding
  readonly newest: TaskFinding
  /** Null if all slots were missed. */
  readonly newestTried: TaskFinding | null
  /** The newest slot in which it is unknown how much of the work was done. Null if there is none. */
  readonly newestStale: TaskFinding | null
  readonly oldestKnown: TaskFinding | null
  /** The newest failed slot whose work may be done or still going on. Null if there is none. */
  readonly newestUnsure: TaskFinding | null
}

type OpenFindingsOfTasks = Map<string, OpenFindings>

/** Returns an empty collection of the findings for `needsLines`. Memory holds ten findings of each task. */
export function collectNeeds(): { add(found: TaskFinding): void; readonly needs: OpenFindingsOfTasks } {
  const needs: OpenFindingsOfTasks = new Map()
  return {
    needs,
    add(found) {
      const { task, kind, owner } = found
      // A late slot needs no step. We still name the owner, who may want to know the cause.
      if (kind === 'late' && owner === undefined) return
      const before = needs.get(task) ?? { owner, rerunnable: null, notInRange: null, doubts: null, overdue: null }
      if (kind === 'late') needs.set(task, before)
      else if (kind === 'overdue') needs.set(task, { ...before, overdue: newer(before.overdue, found) })
      else if (doubtOf(found) !== undefined) needs.set(task, { ...before, doubts: withDoubt(before.doubts, found) })
      else if (isNotInRange(found)) needs.set(task, { ...before, notInRange: newer(before.notInRange, found) })
      else needs.set(task, { ...before, rerunnable: withRerunnable(before.rerunnable, found) })
    },
  }
}

/** Returns whether the rerun of a range leaves this slot out. */
export function isNotInRange(found: TaskFinding): boolean {
  if (doubtOf(found) !== undefined) return true
  const row = rowOf(found)
  if (row === null) return false
  if (isUnreadable(row)) return true
  if (found.offSchedule !== undefined) return true
  return terminalState(row) === 'completed' || (found.otherSchedule !== undefined && !row.attempts.some(hasStarted))
}

function newer(one: TaskFinding | null, other: TaskFinding): TaskFinding {
  return one !== null && one.slot >= other.slot ? one : other
}

function older(one: TaskFinding | null, other: TaskFinding): TaskFinding {
  return one === null || other.slot < one.slot ? other : one
}

/** Only the doubts of the newest change are shown. Those of an older one need a pause of another span, and are shown later. */
function withDoubt(before: FindingGroup | null, found: TaskFinding): FindingGroup {
  if (before === null) return { newest: found, oldest: found, count: 1 }
  return isSameDoubt(before.newest, found) ? { ...before, oldest: found, count: before.count + 1 } : before
}

function withRerunnable(before: RerunnableNeeds | null, found: TaskFinding): RerunnableNeeds {
  const { newestTried = null, newestStale = null, oldestKnown = null, newestUnsure = null } = before ?? {}
  return {
    oldest: older(before?.oldest ?? null, found),
    newest: newer(before?.newest ?? null, found),
    newestTried: found.kind === 'missed' ? newestTried : newer(newestTried, found),
    newestStale: found.kind === 'stale' ? newer(newestStale, found) : newestStale,
    oldestKnown: found.kind === 'stale' ? oldestKnown : older(oldestKnown, found),
    newestUnsure: cautionOf(found) === null ? newestUnsure : newer(newestUnsure, found),
  }
}

function cautionOf(found: TaskFinding): string | null {
  return found.kind === 'failed' ? failedCaution(found.row) : null
}

export interface TaskNeed {
  readonly task: string
  readonly owner: string | undefined
  readonly cautions: readonly string[]
  readonly steps: readonly Step[]
}

export function needsOf(needs: OpenFindingsOfTasks, store: string): readonly TaskNeed[] {
  return [...needs].map(([task, { owner, rerunnable, notInRange, doubts, overdue }]) => {
    const parts = [
      ...(overdue === null ? [] : [needOfOne(overdue, store)]),
      ...(rerunnable === null ? [] : [needOfRerunnable(rerunnable, store)]),
      ...(notInRange === null ? [] : [needOfLeftOut(notInRange, store, rerunnable === null)]),
      ...(doubts === null ? [] : [needOfDoubts(doubts, store, rerunnable === null)]),
    ]
    const cautions = [...new Set(parts.flatMap(({ caution }) => caution ?? []))]
    return { task, owner, cautions, steps: parts.flatMap(({ steps }) => steps) }
  })
}

export function needsLines(needs: OpenFindingsOfTasks, store: string): readonly string[] {
  return needsOf(needs, store).flatMap(({ task, owner, cautions, steps }) =>
    ['', `${task}:`, ...ownerLines(owner), ...cautions.map((text) => `  ${text}`), ...stepLines(steps)].map(printable),
  )
}

/** Returns the line with the one command for the missed and failed slots of several tasks. Null: there is only one task. */
export function repairLine(needs: OpenFindingsOfTasks, store: string): string | null {
  const found = [...needs.values()].flatMap(({ rerunnable }) => (rerunnable === null ? [] : [rerunnable]))
  if (found.length < 2) return null
  const from = Math.min(...found.map(({ oldest }) => oldest.slot))
  const to = Math.max(...found.map(({ newest }) => newest.slot))
  const { what, command } = repairStep({ store, task: null, from, to })
  return printable(`To ${what}: ${commandText(command)}`)
}

type NextSteps = Pick<Verdict, 'caution' | 'steps'>

function needOfOne(found: TaskFinding, store: string): NextSteps {
  const verdict = verdictOfFinding(found, store)
  return { caution: verdict.caution, steps: neededSteps(verdict.steps) }
}

/** The operator must first see what an attempt has done. The work of a stale slot may be complete, so ranges leave it out. */
function needOfRerunnable(
  { oldest, newest, newestTried, newestStale, oldestKnown, newestUnsure }: RerunnableNeeds,
  store: string,
): NextSteps {
  if (oldest === newest) return needOfOne(oldest, store)
  const target = (found: TaskFinding) => findingTarget(found, store)
  const end = newest.slot + 1000
  const isSeen = newestTried === null || newestTried === newestStale
  const look = isSeen ? [] : [lookStep(findingTarget(newestTried, store), 'check the latest log')]
  const unsure =
    newestUnsure && `${zonedTime(newestUnsure.slot, newestUnsure.schedule.zone)}: ${cautionOf(newestUnsure)}`
  const ofSlots = cautionsOfSlots(newestStale !== null, oldest.times.sinceLastSuccess === true)
  const caution = [...(unsure ? [unsure] : []), ...ofSlots].join(' ') || null
  if (newestStale === null) return { caution, steps: [...look, ...rangeSteps(target(oldest), end)] }
  const others = oldestKnown === null ? [] : rangeSteps(target(oldestKnown), end, ['missed', 'failed'])
  return { caution, steps: [...look, showStep('see the latest stale slot', target(newestStale)), ...others] }
}

/** The slot needs its own decision, so its rerun is not listed with the reruns of other slots. */
function needOfLeftOut(found: TaskFinding, store: string, isAlone: boolean): NextSteps {
  return isAlone
    ? needOfOne(found, store)
    : { caution: null, steps: [showStep('see the slot that needs its own decision', findingTarget(found, store))] }
}

/** One pause over the time around the change of the schedule settles all slots that were not due. */
function needOfDoubts({ newest, count }: FindingGroup, store: string, isAlone: boolean): NextSteps {
  const doubt = doubtOf(newest)
  if (count === 1 || doubt === undefined) return needOfLeftOut(newest, store, isAlone)
  const target = findingTarget(newest, store)
  return {
    caution: `${count} slots may not have been due: find out before you run them.`,
    steps: [
      pauseStep(`if none of the ${count} was due`, target, doubt.after + 1000, doubt.until),
      rerunStep(`or run one of the ${count}`, target),
    ],
  }
}
