import { concurrently } from '../../../audit/concurrently.ts'
import { countDueOf } from '../../../audit/expected.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { DAY_MS } from '../../../core/duration.ts'
import type { Instant } from '../../../core/types.ts'
import { collectNeeds, needsOf } from '../../../format/check/needs.ts'
import { collectIncidents } from '../../../verdict/incidents.ts'
import { type FindingKind, NO_FINDINGS, type TaskFinding } from '../../../verdict/judge.ts'
import type { Needs } from '../../views/overview/needs.tsx'
import type { ShownFindings } from '../../views/task/findings.tsx'
import { askOptions, faultOf, type Reading, type ReadTask } from './reading.ts'

export interface NeedsReading {
  readonly whole: Promise<Needs>
  soFar(): Needs
}

/** So many tasks are checked beside a page, so that the first page of a small ledger has all findings. */
const BESIDE_A_PAGE = 100

/**
 * Reads the findings of `check`. A task that cannot be checked becomes a problem, and does not hide the other tasks. `turn`
 * resolves when no page is being read.
 */
export function beginNeeds(since: Instant, reading: Reading, turn = async () => {}): NeedsReading {
  const count = { ...NO_FINDINGS }
  const byTask = new Map<string, Map<FindingKind, number>>()
  const known: KnownTask[] = []
  const collected = collectIncidents(countDueOf(known))
  const problems: string[] = []
  let tasks = 0
  const emitProblem = (problem: string) => problems.push(problem)
  const needs = (isWhole: boolean): Needs => ({
    ...{ count, byTask, problems, tasks, isWhole, when: lastDaysText(since, reading) },
    incidents: collected.incidents(),
    now: reading.now,
  })

  function add(finding: TaskFinding): void {
    const { task, kind } = finding
    collected.add(finding)
    count[kind] += 1
    const kinds = byTask.get(task) ?? new Map<FindingKind, number>()
    byTask.set(task, kinds.set(kind, (kinds.get(kind) ?? 0) + 1))
  }

  /** A task that cannot be checked may have findings, so it stands with the tasks that have some. */
  function addProblem({ task, problem }: UncheckedTask): void {
    emitProblem(`task ${task}: ${problem}`)
    byTask.set(task, byTask.get(task) ?? new Map())
  }

  async function readAllNeeds(): Promise<Needs> {
    const list = (signal: AbortSignal) => reading.ledger.tasks({ emitProblem, ...askOptions({ ...reading, signal }) })
    async function* check(one: KnownTask, signal: AbortSignal) {
      if (known.push(one) > BESIDE_A_PAGE) await turn()
      yield* findingsOf(one, since, { ...reading, signal })
    }
    for await (const part of concurrently(list, check, [reading.signal])) {
      if (part === 'end') tasks += 1
      else if ('problem' in part) addProblem(part)
      else add(part)
    }
    return needs(true)
  }

  return { whole: readAllNeeds(), soFar: () => needs(false) }
}

interface UncheckedTask {
  readonly task: string
  readonly problem: string
}

/** Yields the findings of a task, or the problem of one that cannot be checked, and then `end`. */
async function* findingsOf(
  task: KnownTask,
  since: Instant,
  reading: Reading,
): AsyncGenerator<TaskFinding | UncheckedTask | 'end', void> {
  try {
    yield* findingsIn(task, since, reading)
  } catch (error) {
    yield { task: task.task, problem: faultOf(error) }
  }
  yield 'end'
}

function findingsIn(task: KnownTask | string, since: Instant, reading: Reading) {
  const range = { task, since: new Date(since), until: new Date(reading.now) }
  return reading.ledger.check({ ...range, ...askOptions(reading) })
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
  const { cautions = [], steps = [] } = needsOf(needs, store)[0] ?? {}
  return { count, newest, when: lastDaysText(since, reading), problem, cautions, steps }
}
