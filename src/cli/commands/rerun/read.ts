import type { Ledger } from '../../../api.ts'
import { concurrently } from '../../../audit/concurrently.ts'
import { readableRows } from '../../../audit/history.ts'
import type { ReadDated } from '../../../audit/ranges.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { judgeNamed } from '../../../audit/walk.ts'
import { type ErrorKind, isFaultOfTask, quote, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { keysOf } from '../../../core/objects.ts'
import type { Rerunnable, Selectable } from '../../../core/row/policy.ts'
import { parseTimeRange, withTimesOfDay } from '../../../core/schedule/time-range.ts'
import { tasksAfter } from '../../../core/task/pattern.ts'
import { PACE_ROWS, paceOf } from '../../../core/task/rules.ts'
import type { Environment, Instant } from '../../../core/types.ts'
import type { LeftOutSlot, PlannedStep, RepairPlan } from '../../../format/rerun/plan.ts'
import { shownSlot } from '../../../format/slot/show.ts'
import { listed } from '../../../format/text.ts'
import { systemClock } from '../../../process/clock.ts'
import { LEFT_OUT, type LeftOut, STALE_SLOTS_CAUTION } from '../../../verdict/cautions.ts'
import { cronledger, type TextVariables } from '../../../verdict/command.ts'
import { countSlotsIn, factsOf, type TaskFacts } from '../../../verdict/found.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { commandsOf } from '../../../verdict/place/places.ts'
import { REMARKS } from '../../../verdict/remarks.ts'
import { planSteps, type Upstreams } from '../../../verdict/repair-plan.ts'
import { forceVariables, neededSteps, rerunStep } from '../../../verdict/steps.ts'
import { recordOf, unknownTaskOf, wantedTasks } from '../../lookup.ts'
import { askWith, type Cluster, currentCluster, hasTool } from './tools.ts'

export interface RepairValues {
  readonly store: string
  /** A name, or a prefix with a star at its end. Undefined: all tasks, or those of the owner. */
  readonly task: string | undefined
  readonly owner: string | undefined
  /** The operator named one slot of one task. */
  readonly slot: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  readonly status: readonly Rerunnable[]
  /** Undefined: nothing is started. */
  readonly reason: string | undefined
  readonly by: string
  readonly fresh: boolean | undefined
  readonly ignoreAfter: boolean | undefined
  /** Run each slot of a task with ranges. */
  readonly each: boolean | undefined
  readonly retentionMs: number | undefined
  readonly ledgerTimeoutMs: number | undefined
  /** One task is meant, so that a command that is given runs here, also if a place is recorded. */
  readonly isOne: boolean
  /** The command after `--`. */
  readonly batch: readonly string[] | null
  /** Only the plan is wanted. */
  readonly dryRun: boolean
  /** Whether the operator can be asked, or nothing starts. */
  readonly canAsk: boolean
}

/** The slots that a repair names and never runs by itself: the operator must look at the data first. */
const LOOKED_AT_FIRST: readonly Selectable[] = ['stale', ...keysOf(REMARKS)]
/** A longer repair is a decision about each of its tasks. */
const MAX_SLOTS = 10_000

interface Found {
  readonly why: PlannedStep['why']
  readonly judged: JudgedSlot
  readonly known: KnownTask
  /** The older slots whose work its run does, too. */
  readonly others?: readonly Instant[]
}

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
): Promise<{ readonly plan: RepairPlan; readonly known: ReadonlyMap<string, KnownTask> }> {
  const { slot, status, store, reason, by } = values
  const leftOut: LeftOutSlot[] = []
  const planned: PlannedStep[] = []
  const tasks = new Map<string, KnownTask>()
  const left: OfTasks['left'] = (one) => void leftOut.push(one)
  const clusters = openClusters(env)
  const read =
    slot === undefined ? slotsOfRange(values, ledger, { left, fault }, stop) : readNamed(values, slot, ledger)
  for await (const { why, judged, known, others = [] } of read) {
    const shown = shownSlot(judged, store)
    const { task, work, owner } = judged
    const here = { task, slot: judged.slot, zone: judged.schedule.zone }
    if (why !== 'named' && why !== 'running' && !status.some((one) => one === why)) {
      const steps = neededSteps(shown.verdict.steps).filter(({ kind }) => kind !== 'log')
      left({ ...here, why, text: why === 'stale' ? STALE_SLOTS_CAUTION : LOOK_FIRST, steps })
      continue
    }
    tasks.set(task, known)
    const { place: recorded } = shown.target
    const place = values.batch !== null && values.isOne ? null : recorded
    const waits = (known.expectations?.after ?? []).length > 0
    const variables = variablesOf({ ...shown.target, only: status }, values, waits)
    const step: PlannedStep = { ...here, why, work, owner, shown, place, variables, waits, others }
    const reasonAgainst = why === 'running' ? null : await problemOf(step, values, env, clusters)
    if (reasonAgainst === null) planned.push(step)
    else {
      const steps = [rerunStep('run it', shown.target, { reason, by })]
      left({
        ...here,
        why: 'noCommand',
        text: reasonAgainst,
        steps,
        ...(place === null && { isAlike: true, target: shown.target }),
      })
    }
    if (planned.length > MAX_SLOTS)
      throw usageError(`the repair would have more than ${MAX_SLOTS} slots. Give a shorter range, or fewer tasks.`)
  }
  const upstreams = new Map([...tasks].map(([task, { expectations }]) => [task, expectations?.after ?? []]))
  const now = systemClock.now()
  const facts = new Map([...tasks].map(([task, known]) => [task, factsOf(task, known, now)]))
  const plan = {
    ...{ store, reason, by, only: status, leftOut, foreign: await clusters.foreignOf(planned) },
    steps: planSteps(related(planned, upstreams), upstreams),
    usualMs: await usualOf(facts, values, ledger, stop),
  }
  return { plan, known: tasks }
}

/** Leaves out a slot that runs, unless another one is to wait for its end. */
function related(planned: readonly PlannedStep[], upstreams: Upstreams): readonly PlannedStep[] {
  const toRun = new Set(planned.flatMap(({ why, task }) => (why === 'running' ? [] : task)))
  const names = new Set(planned.map(({ task }) => task))
  const waited = new Set([...toRun].flatMap((task) => [task, ...tasksAfter(upstreams.get(task) ?? [], task, names)]))
  return planned.filter(({ why, task }) => why !== 'running' || waited.has(task))
}

const NO_COMMAND = 'No place is recorded where it runs, and no command is given after --.'
const LOOK_FIRST = 'It has completed, and is unusual or late. Look at it first.'

/** A slot that waits for a task runs after that in the plan. If that failed, or is not in the plan, a wait holds up the rest. */
export const NO_WAIT = '0s'

/** Returns the variables of a run on its place, where all other options of it are. */
function variablesOf(
  target: Parameters<typeof forceVariables>[0],
  { reason, by, fresh, ignoreAfter, slot }: RepairValues,
  waits: boolean,
): TextVariables {
  const variables = {
    ...forceVariables(target, { reason, by }),
    ...(waits && { CRONLEDGER_AFTER_TIMEOUT: NO_WAIT }),
    ...(slot === undefined && { CRONLEDGER_PART_OF_REPAIR: 'true' }),
    ...(fresh && { CRONLEDGER_FRESH: 'true' }),
    ...(ignoreAfter && { CRONLEDGER_IGNORE_AFTER: 'true' }),
  }
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}

/** Returns why the slot cannot be started. Null: it can. */
async function problemOf(
  { place, variables }: PlannedStep,
  { batch, canAsk, dryRun, isOne }: RepairValues,
  env: Environment,
  clusters: ReturnType<typeof openClusters>,
): Promise<string | null> {
  if (place === null) return batch === null && !(dryRun && isOne) ? NO_COMMAND : null
  const { tool, problem } = commandsOf(place)
  if (!hasTool(tool, env)) return `The command ${tool} is not in PATH.`
  const text = problem(place, variables)
  if (text !== null) return `It cannot be started: ${text}.`
  const foreign = canAsk ? null : await clusters.problemOf(place)
  return foreign && `${foreign}, so that a person must confirm it: run this on a terminal.`
}

function openClusters(env: Environment) {
  let asked: Promise<Cluster> | null = null
  const problemOf = async (place: PlannedStep['place']): Promise<string | null> => {
    if (place?.kind !== 'kubernetes') return null
    asked ??= currentCluster(askWith(env))
    const { context, ids } = await asked
    if (place.clusterId !== undefined && ids.includes(place.clusterId)) return null
    return `kubectl's context is ${quote(context)}, and the ledger does not know whether that is the cluster of ${commandsOf(place).name(place)}`
  }
  return {
    problemOf,
    /** Returns what the operator must confirm before these slots are run. */
    async foreignOf(steps: readonly PlannedStep[]): Promise<readonly string[]> {
      const texts = await Promise.all(steps.map(({ place }) => problemOf(place)))
      return [...new Set(texts.filter((text) => text !== null))]
    },
  }
}

function slotsOfRange(values: RepairValues, ledger: Ledger, { left, fault }: OfTasks, stop: AbortSignal) {
  const { store, task = '*', owner, from = '', to, status, ledgerTimeoutMs, isOne } = values
  const { only: isWanted = () => true } = wantedTasks({ task, owner })
  // Each task reads the range in its own zone. A mistake in it must be said once.
  const now = systemClock.now()
  parseTimeRange(withTimesOfDay({ since: from, until: to }, 'UTC', now), 'UTC', now, ['--from', '--to'])

  async function* tasks() {
    if (isOne) yield await knownOf(values, task, ledger)
    else {
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
  }

  async function* slotsOf(known: KnownTask): AsyncGenerator<Found> {
    const emitDoubt = (at: Date, why: LeftOut) => {
      const slot = at.getTime()
      const command = cronledger('check', { store, task: known.task, since: formatInstant(slot) })
      const steps = [{ kind: 'show', what: 'see what check says', command } as const]
      const text = `It ${LEFT_OUT[why]}. Read what check says before you run it.`
      left({
        task: known.task,
        slot,
        zone: known.schedules.at(-1)?.spec.zone ?? 'UTC',
        why,
        text,
        steps,
        isAlike: true,
      })
    }
    const asked = { ...values, from, task: known, emitDoubt }
    const others = LOOKED_AT_FIRST.filter((one) => !status.some((other) => other === one))
    try {
      const ranges = values.each ? ('each' as const) : undefined
      // What is looked at first plays no part in what the run of a slot with a range does.
      for (const more of [
        { status, ranges, withRunning: true },
        { status: others, ranges: 'none' as const },
      ])
        for await (const { why, judged, others } of ledger.rerunnable({ ...asked, ...more }))
          yield { why, judged, known, others: others.map(({ slot }) => slot).reverse() }
    } catch (error) {
      if (isOne || !isFaultOfTask(error)) throw error
      fault(`task ${known.task}: ${error.message}`, error.kind)
    }
  }

  return concurrently(tasks, slotsOf, [stop])
}

/** Returns how long the slots of each task usually take. Without a task: too few have completed, or they cannot be read. */
async function usualOf(
  tasks: ReadonlyMap<string, TaskFacts>,
  { ledgerTimeoutMs }: RepairValues,
  ledger: Ledger,
  stop: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  async function* read([task, of]: [string, TaskFacts], signal: AbortSignal) {
    const history = ledger.history({ task, limit: PACE_ROWS, ledgerTimeoutMs, signal })
    const rows = await readableRows(history).catch((error: unknown) => {
      if (isFaultOfTask(error)) return []
      throw error
    })
    const { usualMs } = paceOf(rows, countSlotsIn(of))
    if (usualMs !== null) yield [task, usualMs] as const
  }
  const found = new Map<string, number>()
  for await (const [task, usualMs] of concurrently(() => tasks, read, [stop])) found.set(task, usualMs)
  return found
}

async function* readNamed(values: RepairValues, reference: string, ledger: Ledger): AsyncGenerator<Found> {
  const { task = '', ledgerTimeoutMs } = values
  const { slot } = await ledger.findSlot({ task, slot: reference, ledgerTimeoutMs })
  const known = await knownOf(values, task, ledger)
  yield { why: 'named', judged: await readJudged({ task, slot: slot.getTime() }, known, values, ledger), known }
}

/** Reads a slot as it is now, strongly consistent. */
export async function readJudged(
  { task, slot }: { readonly task: string; readonly slot: Instant },
  known: KnownTask,
  { ledgerTimeoutMs }: Pick<RepairValues, 'ledgerTimeoutMs'>,
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
