import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { DAY_MS } from '../../../core/duration.ts'
import { commonZone } from '../../../core/schedule/zone.ts'
import { isOwnedBy } from '../../../core/task/pattern.ts'
import type { Instant } from '../../../core/types.ts'
import { collectNeeds, needsOf } from '../../../format/check/needs.ts'
import { type FindingKind, type JudgedSlot, NO_FINDINGS, type TaskFinding } from '../../../verdict/judge.ts'
import { collectProblems } from '../../../verdict/problems.ts'
import type { Needs } from '../../views/overview/needs.tsx'
import type { ShownFindings } from '../../views/task/findings.tsx'
import { askOptions, faultOf, type Reading, type ReadTask, taskZone } from './reading.ts'

export interface NeedsOfAll extends Needs {
  /** Returns what is found of the tasks whose owner contains a text, as `check --owner`. */
  readonly ofOwner: (text: string) => Needs
}

export interface NeedsReading {
  readonly whole: Promise<NeedsOfAll>
  soFar(): NeedsOfAll
}

/** This many tasks are checked while a page is made, so that the first page of a small ledger has all findings. */
const BESIDE_A_PAGE = 100

/**
 * Reads the findings of `check`. A task that cannot be checked becomes a problem, and does not hide the other tasks. `turn`
 * resolves when no page is being read.
 */
export function beginNeeds(since: Instant, reading: Reading, turn = async () => {}): NeedsReading {
  const known: KnownTask[] = []
  const collected = collectProblems()
  const unlisted: string[] = []
  const unchecked: UncheckedTask[] = []
  const ended = new Set<string>()
  const needs = (isWhole: boolean, owner = ''): Needs => {
    const wanted = known.filter(({ expectations }) => isOwnedBy(owner, expectations?.owner))
    const names = new Set(wanted.map(({ task }) => task))
    const isWanted = ({ task }: { readonly task: string }) => names.has(task)
    const counts = [...collected.byTask].map(([task, { count }]) => [task, count] as const)
    const byTask = new Map(counts.filter(([task, { size }]) => size > 0 && names.has(task)))
    // A task that cannot be checked may have findings, so it stands with the tasks that have some.
    for (const { task } of unchecked.filter(isWanted)) byTask.set(task, byTask.get(task) ?? new Map())
    return {
      isWhole,
      byTask,
      count: collected.count((task) => names.has(task)),
      when: lastDaysText(since, reading),
      // The record of a task that cannot be read does not say whose it is.
      faults: [...unlisted, ...unchecked.filter(isWanted).map(({ task, problem }) => `task ${task}: ${problem}`)],
      tasks: [...names].filter((name) => ended.has(name)).length,
      of: names.size,
      problems: collected.problems(({ task }) => names.has(task)),
      now: reading.now,
      zone: commonZone(wanted.map((task) => taskZone(task, reading))),
    }
  }
  const needsOfAll = (isWhole: boolean) => ({ ...needs(isWhole), ofOwner: (text: string) => needs(isWhole, text) })

  async function readAllNeeds(): Promise<NeedsOfAll> {
    const emitProblem = (problem: string) => unlisted.push(problem)
    for await (const one of reading.ledger.tasks({ emitProblem, ...askOptions(reading) })) known.push(one)
    let begun = 0
    async function* check(one: KnownTask, signal: AbortSignal) {
      begun += 1
      if (begun > BESIDE_A_PAGE) await turn()
      yield* findingsOf(one, since, { ...reading, signal }, collected.add)
    }
    for await (const part of concurrently(() => known, check, [reading.signal])) {
      if ('ended' in part) ended.add(part.ended)
      else unchecked.push(part)
    }
    return needsOfAll(true)
  }

  return { whole: readAllNeeds(), soFar: () => needsOfAll(false) }
}

interface UncheckedTask {
  readonly task: string
  readonly problem: string
}

/** Hands over the slots of a task. Yields the problem of one that cannot be checked, and then its end. */
async function* findingsOf(
  task: KnownTask,
  since: Instant,
  reading: Reading,
  emitSlot: (one: JudgedSlot) => void,
): AsyncGenerator<UncheckedTask | { readonly ended: string }, void> {
  try {
    for await (const _ of findingsIn(task, since, reading, emitSlot));
  } catch (error) {
    yield { task: task.task, problem: faultOf(error) }
  }
  yield { ended: task.task }
}

function findingsIn(
  task: KnownTask | string,
  since: Instant,
  reading: Reading,
  emitSlot: (one: JudgedSlot) => void = () => undefined,
) {
  // Judged at the time of the page, however long the other tasks take: equal sentences then share a row.
  const now = new Date(reading.now)
  return reading.ledger.check({ task, since: new Date(since), until: now, now, emitSlot, ...askOptions(reading) })
}

function lastDaysText(since: Instant, { now }: Reading): string {
  return `in the last ${Math.ceil((now - since) / DAY_MS)} days`
}

/** How many findings the page of a task lists. The history has the others. */
const MAX_LISTED = 5

export async function readFindings(
  { head, known }: ReadTask,
  since: Instant,
  store: string,
  reading: Reading,
): Promise<ShownFindings> {
  const count: Record<FindingKind, number> = { ...NO_FINDINGS }
  const newest: TaskFinding[] = []
  const { needs, add } = collectNeeds()
  let problem: string | null = null
  try {
    for await (const one of findingsIn(known ?? head.task, since, reading)) {
      count[one.kind] += 1
      if (newest.length < MAX_LISTED) newest.push(one)
      add(one)
    }
  } catch (error) {
    problem = faultOf(error)
  }
  const { cautions = [], steps = [] } = needsOf(needs, store, reading.zone)[0] ?? {}
  return { count, newest, when: lastDaysText(since, reading), problem, cautions, steps }
}
