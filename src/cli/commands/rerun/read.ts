import { randomUUID } from 'node:crypto'
import type { Ledger } from '../../../api.ts'
import { concurrently } from '../../../audit/concurrently.ts'
import { readableRows } from '../../../audit/history.ts'
import type { ReadDated } from '../../../audit/ranges.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { judgeNamed } from '../../../audit/walk.ts'
import { type ErrorKind, isFaultOfTask, quote, usageError } from '../../../core/errors.ts'
import { keysOf } from '../../../core/objects.ts'
import type { Rerunnable, Selectable } from '../../../core/row/policy.ts'
import { parseTimeRange, withTimesOfDay } from '../../../core/schedule/time-range.ts'
import { tasksAfter } from '../../../core/task/pattern.ts'
import { PACE_ROWS, paceOf } from '../../../core/task/rules.ts'
import type { Environment, Key } from '../../../core/types.ts'
import {
  doubtfulSlot,
  type LeftOutSlot,
  type PlannedSlot,
  placeVariables,
  type RepairPlan,
  type SelectedSlot,
  selectedSlot,
} from '../../../format/rerun/plan.ts'
import { listed } from '../../../format/text.ts'
import { systemClock } from '../../../process/clock.ts'
import { type LeftOut, STALE_SLOTS_CAUTION } from '../../../verdict/cautions.ts'
import { countSlotsIn, factsOf } from '../../../verdict/found.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { commandsOf } from '../../../verdict/place/places.ts'
import { REMARKS } from '../../../verdict/remarks.ts'
import { planSteps, type Upstreams } from '../../../verdict/repair-plan.ts'
import { neededSteps, rerunStep } from '../../../verdict/steps.ts'
import { targetOfSlot, verdictOf } from '../../../verdict/verdict.ts'
import { recordOf, unknownTaskOf, wantedTasks } from '../../lookup.ts'
import type { RerunValues } from './help.ts'
import { askWith, type Cluster, currentCluster, hasTool } from './tools.ts'

export interface RepairValues extends Omit<RerunValues, 'status' | 'by'> {
  readonly status: readonly Rerunnable[]
  readonly by: string
  /** One task is meant, so that a command that is given runs here, also if a place is recorded. */
  readonly isOne: boolean
  readonly batch: readonly string[] | null
  /** Whether the operator can be asked, or nothing starts. */
  readonly canAsk: boolean
}

/** The slots that a repair names and never runs by itself: the operator must look at the data first. */
const LOOKED_AT_FIRST: readonly Selectable[] = ['stale', ...keysOf(REMARKS)]
/** A longer repair is a decision about each of its tasks. */
const MAX_SLOTS = 10_000

type KnownTasks = ReadonlyMap<string, KnownTask>

interface OfTasks {
  left(slot: LeftOutSlot): void
  /** A task whose records cannot be read does not hide the others. */
  fault(text: string, kind: ErrorKind): void
}

/** Reads which slots are run again, in which order, where, and which are left out. Starts nothing. */
export async function readRepair(
  values: RepairValues,
  ledger: Ledger,
  env: Environment,
  fault: OfTasks['fault'],
  stop: AbortSignal,
): Promise<{ readonly plan: RepairPlan; readonly known: KnownTasks }> {
  const { slot, status: only, store, reason, by, batch, isOne } = values
  const id = randomUUID()
  const leftOut: LeftOutSlot[] = []
  const planned: PlannedSlot[] = []
  const known = new Map<string, KnownTask>()
  const left: OfTasks['left'] = (one) => void leftOut.push(one)
  const clusters = openClusters(env)
  const read =
    slot === undefined ? slotsOfRange(values, ledger, { left, fault }, stop) : readNamed(values, slot, ledger)
  for await (const [one, record] of read) {
    const { why, task, zone } = one
    const unread = LOOKED_AT_FIRST.find((word) => word === why)
    if (unread !== undefined && !only.some((word) => word === why)) {
      const steps = neededSteps(verdictOf(one, store).steps).filter(({ kind }) => kind !== 'log')
      const text = why === 'stale' ? STALE_SLOTS_CAUTION : LOOK_FIRST
      left({ task, slot: one.slot, zone, why: unread, text, steps })
      continue
    }
    known.set(task, record)
    const target = { ...targetOfSlot(one, store), only }
    const place = batch !== null && isOne ? null : target.place
    const step = { ...one, place, options: optionsOf(values, record) }
    const problem = why === 'running' ? null : await problemOf(step, values, env, clusters)
    if (problem === null) planned.push(step)
    else
      for (const { slot } of [one, ...one.others.filter(({ kind }) => only.some((word) => word === kind))]) {
        const steps = [rerunStep('run it', target, { reason, by })]
        const alike = place === null && ({ isAlike: true, target: { ...target, slot } } as const)
        left({ task, slot, zone, why: 'noCommand', text: problem, steps, ...alike })
      }
    if (planned.length > MAX_SLOTS)
      throw usageError(`the repair would have more than ${MAX_SLOTS} slots. Give a shorter range, or fewer tasks.`)
  }
  const upstreams = new Map([...known].map(([task, { expectations }]) => [task, expectations?.after ?? []]))
  const foreign = await clusters.foreignOf(planned)
  const usualMs = await usualOf(known, values, ledger, stop)
  const steps = planSteps(related(planned, upstreams), upstreams)
  return { plan: { id, store, reason, by, only, leftOut, foreign, steps, usualMs }, known }
}

/** Leaves out a slot that runs, unless another one is to wait for its end. */
function related(planned: readonly PlannedSlot[], upstreams: Upstreams): readonly PlannedSlot[] {
  const toRun = new Set(planned.flatMap(({ why, task }) => (why === 'running' ? [] : task)))
  const names = new Set(planned.map(({ task }) => task))
  const waited = new Set([...toRun].flatMap((task) => [task, ...tasksAfter(upstreams.get(task) ?? [], task, names)]))
  return planned.filter(({ task }) => waited.has(task))
}

const NO_COMMAND = 'No place is recorded where it runs, and no command is given after --.'
const LOOK_FIRST = 'It has completed, and is unusual or late. Look at it first.'

/** The options of a run beside its slot. Its place, or the record of its task, has all others. */
function optionsOf({ reason, by, fresh, ignoreAfter, slot }: RepairValues, { expectations }: KnownTask) {
  return {
    ...(reason !== undefined && { reason }),
    by,
    // It runs after the slots that it waits for. If one failed, or is not in the plan, a wait would hold up the rest.
    ...((expectations?.after ?? []).length > 0 && { 'after-timeout': '0s' }),
    ...(slot === undefined && { 'part-of-repair': 'true' }),
    ...(fresh && { fresh: 'true' }),
    ...(ignoreAfter && { 'ignore-after': 'true' }),
  }
}

async function problemOf(
  step: PlannedSlot,
  { batch, canAsk, dryRun, isOne, store, status: only }: RepairValues,
  env: Environment,
  clusters: ReturnType<typeof openClusters>,
): Promise<string | null> {
  const { place } = step
  if (place === null) return batch === null && !(dryRun && isOne) ? NO_COMMAND : null
  const { tool, problem } = commandsOf(place)
  if (!hasTool(tool, env)) return `The command ${tool} is not in PATH.`
  const text = problem(place, placeVariables(step, { store, only }))
  if (text !== null) return `Reason: ${text}.`
  const foreign = canAsk ? null : await clusters.problemOf(step)
  return foreign && `${foreign}, so that a person must confirm it: run this on a terminal.`
}

function openClusters(env: Environment) {
  let asked: Promise<Cluster> | null = null
  const problemOf = async ({ place }: PlannedSlot): Promise<string | null> => {
    if (place?.kind !== 'kubernetes') return null
    asked ??= currentCluster(askWith(env))
    const { context, ids } = await asked
    if (place.clusterId !== undefined && ids.includes(place.clusterId)) return null
    return `kubectl's context is ${quote(context)}, and the ledger does not know whether that is the cluster of ${commandsOf(place).name(place)}`
  }
  return {
    problemOf,
    async foreignOf(slots: readonly PlannedSlot[]): Promise<readonly string[]> {
      const texts = await Promise.all(slots.map(problemOf))
      return [...new Set(texts.filter((text) => text !== null))]
    },
  }
}

type Found = readonly [SelectedSlot, KnownTask]

function slotsOfRange(values: RepairValues, ledger: Ledger, { left, fault }: OfTasks, stop: AbortSignal) {
  const { store, task = '*', owner, from = '', until, status, ledgerTimeoutMs, isOne } = values
  const { only: isWanted = () => true } = wantedTasks({ task, owner })
  // Each task reads the range in its own zone. A mistake in it must be said once.
  const now = systemClock.now()
  parseTimeRange(withTimesOfDay({ since: from, until }, 'UTC', now), 'UTC', now, ['--from', '--until'])

  async function* tasks(): AsyncGenerator<KnownTask, void> {
    if (isOne) return yield await knownOf(values, task, ledger)
    let matches = task === '*' && owner === undefined
    const emitProblem = (text: string) => fault(text, 'shape')
    for await (const one of ledger.tasks({ ledgerTimeoutMs, emitProblem })) {
      if (!isWanted(one)) continue
      matches = true
      yield one
    }
    const wanted = [...(task === '*' ? [] : [quote(task)]), ...(owner === undefined ? [] : [`owner ${quote(owner)}`])]
    if (!matches) throw usageError(`no task matches ${listed(wanted, 'and')}. To see all tasks: cronledger tasks`)
  }

  async function* slotsOf(known: KnownTask): AsyncGenerator<Found> {
    const emitDoubt = (_: Date, why: LeftOut, judged: JudgedSlot) => left(doubtfulSlot(judged, why, store))
    const asked = { ...values, from, task: known, emitDoubt }
    // What is looked at first plays no part in what the run of a slot with a range does.
    const others = LOOKED_AT_FIRST.filter((one) => !status.some((other) => other === one))
    const ranges = values.each ? 'each' : 'newest'
    try {
      for (const more of [{ status, ranges, withRunning: true } as const, { status: others, ranges: 'none' } as const])
        for await (const { judged, why, others } of ledger.rerunnable({ ...asked, ...more }))
          yield [selectedSlot(judged, why, others), known]
    } catch (error) {
      if (isOne || !isFaultOfTask(error)) throw error
      fault(`task ${known.task}: ${error.message}`, error.kind)
    }
  }

  return concurrently(tasks, slotsOf, [stop])
}

/** Returns how long the slots of each task usually take. Without a task: too few have completed, or they cannot be read. */
async function usualOf(known: KnownTasks, { ledgerTimeoutMs }: RepairValues, ledger: Ledger, stop: AbortSignal) {
  async function* read([task, record]: [string, KnownTask], signal: AbortSignal) {
    const history = ledger.history({ task, limit: PACE_ROWS, ledgerTimeoutMs, signal })
    const rows = await readableRows(history).catch((error: unknown) => {
      if (isFaultOfTask(error)) return []
      throw error
    })
    const { usualMs } = paceOf(rows, countSlotsIn(factsOf(task, record, systemClock.now())))
    if (usualMs !== null) yield [task, usualMs] as const
  }
  const found = new Map<string, number>()
  for await (const [task, usualMs] of concurrently(() => known, read, [stop])) found.set(task, usualMs)
  return found
}

async function* readNamed(values: RepairValues, reference: string, ledger: Ledger): AsyncGenerator<Found> {
  const { task = '', ledgerTimeoutMs } = values
  const { slot } = await ledger.findSlot({ task, slot: reference, ledgerTimeoutMs })
  const known = await knownOf(values, task, ledger)
  yield [selectedSlot(await readJudged({ task, slot: slot.getTime() }, known, values, ledger), 'named'), known]
}

/** Reads a slot as it is now, strongly consistent. */
export async function readJudged(
  { task, slot }: Key,
  known: KnownTask | undefined,
  { ledgerTimeoutMs }: RepairValues,
  ledger: Ledger,
): Promise<JudgedSlot> {
  const row = await ledger.get({ task, slot: new Date(slot), ledgerTimeoutMs })
  const history: ReadDated = (asked) => ledger.history({ ...asked, ledgerTimeoutMs })
  return judgeNamed(slot, row, factsOf(task, known, systemClock.now()), history)
}

async function knownOf({ ledgerTimeoutMs }: RepairValues, task: string, ledger: Ledger): Promise<KnownTask> {
  const known = await recordOf(ledger, { task, ledgerTimeoutMs })
  if (known === null) throw await unknownTaskOf(ledger, { task, ledgerTimeoutMs })
  return known
}
