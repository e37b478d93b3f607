import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { NO_FINDINGS, type TaskFinding } from '../../../core/task/findings.ts'
import type { Instant } from '../../../core/types.ts'
import type { Needs, TaskNeeds } from '../../views/overview/needs.tsx'
import type { KindsOfTasks } from '../../views/overview/order.ts'
import { findOutage } from '../../views/overview/outage.ts'
import { askOptions, faultOf, type Reading } from './reading.ts'

/**
 * How many findings are kept: in total, and of one kind for one task. A person can still read them. All are counted.
 */
const MAX_FOUND = 500
const MAX_OF_A_KIND = 20
/** How many tasks are kept with their newest findings: those with the newest ones. A page names fewer of them. */
const MAX_TASKS = 100

/** The time from `since` to `until`, which is not part of it. */
export interface Span {
  readonly since: Instant
  readonly until: Instant
}

interface NeedsQuery {
  /** The slots to look at, and `when` in words. */
  readonly span: Span
  readonly when: string
  /** The only task to check. Left out: all tasks. */
  readonly task?: string | undefined
  /** The tasks, where they were listed before. They are then not listed again. */
  readonly known?: Iterable<KnownTask>
  /** Why the records of some tasks could not be read, where the tasks were listed before. */
  readonly problems?: readonly string[]
}

/** A reading of the findings of `check` that goes on. */
export interface NeedsReading {
  /** Resolves when the first task was read. */
  readonly firstTask: Promise<void>
  /** The findings of all tasks. */
  readonly whole: Promise<Needs>
  /** Returns the findings of the tasks that were read so far. */
  soFar(): Needs
}

/**
 * Reads the findings of `check`. A task that cannot be checked becomes a problem, and does not hide the other tasks.
 */
export function readNeeds(query: NeedsQuery, reading: Reading): Promise<Needs> {
  return beginNeeds(query, reading).whole
}

/** Begins to read what `readNeeds` returns. */
export function beginNeeds({ span, when, task, known, problems = [] }: NeedsQuery, reading: Reading): NeedsReading {
  const tally = openTally()
  const emitProblem = (problem: string) => tally.add({ kind: 'problem', problem })
  const now = reading.now
  let begun = () => {}
  const firstTask = new Promise<void>((resolve) => {
    begun = resolve
  })

  async function readAllNeeds(): Promise<Needs> {
    problems.forEach(emitProblem)
    const tasks = (signal: AbortSignal) =>
      known ?? reading.ledger.tasks({ task, emitProblem, ...askOptions({ ...reading, signal }) })
    const check = (one: KnownTask, signal: AbortSignal) => findingsOf(one, span, { ...reading, signal })
    for await (const part of concurrently(tasks, check, [reading.signal])) {
      tally.add(part)
      if (part.kind === 'end') begun()
    }
    if (task !== undefined && tally.sum().tasks === 0) {
      emitProblem(`task ${task}: no scheduled run is recorded, so its missed slots are unknown`)
    }
    return { ...tally.sum(), isWhole: true, when, now }
  }

  const soFar = () => ({ ...tally.sum(), isWhole: false, when, now })
  return { firstTask, whole: readAllNeeds(), soFar }
}

type NeedsPart =
  | { readonly kind: 'finding'; readonly finding: TaskFinding }
  | { readonly kind: 'problem'; readonly problem: string }
  /** All parts of a task came before this one. */
  | { readonly kind: 'end' }

async function* findingsOf(known: KnownTask, span: Span, reading: Reading): AsyncGenerator<NeedsPart, void> {
  const { ledger, graceMs, skewMs, lateAfterMs, doneByMs } = reading
  const [since, until] = [new Date(span.since), new Date(span.until)]
  const settings = { task: known, since, until, graceMs, skewMs, lateAfterMs, doneByMs, ...askOptions(reading) }
  try {
    for await (const finding of ledger.check(settings)) yield { kind: 'finding', finding }
  } catch (error) {
    yield { kind: 'problem', problem: `task ${known.task}: ${faultOf(error)}` }
  }
  yield { kind: 'end' }
}

/** The findings of a task while they are being added. `byKind` has the newest finding of each kind, the newest one first. */
interface OpenTask {
  readonly task: string
  readonly owner: string | undefined
  readonly byKind: Map<TaskFinding['kind'], { readonly newest: TaskFinding; count: number }>
}

/** Counts all findings, and keeps as many of them as a page shows. The findings must come task by task. */
function openTally() {
  const count: Record<TaskFinding['kind'], number> = { ...NO_FINDINGS }
  const found: TaskFinding[] = []
  const problems: string[] = []
  const kinds = new Map<string, Set<TaskFinding['kind']>>()
  const outage = findOutage()
  let tasks = 0
  let open: OpenTask[] = []

  function addFinding(finding: TaskFinding): void {
    const { task, kind, owner } = finding
    let last = open.at(-1)
    if (last?.task !== task) {
      if (open.length >= 2 * MAX_TASKS) open = newestTasks(open)
      last = { task, owner, byKind: new Map() }
      open.push(last)
      kinds.set(task, new Set())
    }
    outage.add(finding)
    count[kind] += 1
    kinds.get(task)?.add(kind)
    const group = last.byKind.get(kind) ?? { newest: finding, count: 0 }
    last.byKind.set(kind, group)
    group.count += 1
    if (group.count <= MAX_OF_A_KIND && found.length < MAX_FOUND) found.push(finding)
  }

  return {
    add(part: NeedsPart): void {
      switch (part.kind) {
        case 'finding':
          addFinding(part.finding)
          return
        case 'problem':
          problems.push(part.problem)
          return
        case 'end':
          tasks += 1
      }
    },
    /** The lists are copies, so that a page can show them while more is added. */
    sum: () => ({
      tasks,
      count: { ...count },
      found: [...found],
      problems: [...problems],
      byTask: newestTasks(open).map(taskNeeds),
      kinds: new Map(kinds) satisfies KindsOfTasks,
      outage: outage.outage(),
    }),
  }
}

function newestTasks(tasks: readonly OpenTask[]): OpenTask[] {
  return tasks.toSorted((one, other) => newestSlot(other) - newestSlot(one)).slice(0, MAX_TASKS)
}

/** The findings of a task come newest first. */
function newestSlot({ byKind }: OpenTask): Instant {
  return [...byKind.values()][0]?.newest.slot ?? 0
}

function taskNeeds({ task, owner, byKind }: OpenTask): TaskNeeds {
  return { task, owner, kinds: [...byKind.values()].map((group) => ({ ...group })) }
}
