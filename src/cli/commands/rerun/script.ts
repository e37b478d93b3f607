import { hostname } from 'node:os'
import type { Ledger } from '../../../api.ts'
import { concurrently } from '../../../audit/concurrently.ts'
import { readableRows } from '../../../audit/history.ts'
import type { ReadDated } from '../../../audit/ranges.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { judgeNamed } from '../../../audit/walk.ts'
import { type ErrorKind, isFaultOfTask, quote, usageError } from '../../../core/errors.ts'
import { keysOf } from '../../../core/objects.ts'
import { DEFAULT_FORCED, type Rerunnable, type Selectable } from '../../../core/row/policy.ts'
import { parseTimeRange, withTimesOfDay } from '../../../core/schedule/time-range.ts'
import { PACE_ROWS, paceOf } from '../../../core/task/rules.ts'
import { isTaskPattern } from '../../../core/user-text.ts'
import { gravestExit } from '../../../exit-code.ts'
import { scriptLines } from '../../../format/rerun/script.ts'
import { type ShownSlot, shownSlot } from '../../../format/slot/show.ts'
import { listed, printable } from '../../../format/text.ts'
import { createLedger } from '../../../ledger.ts'
import { systemClock } from '../../../process/clock.ts'
import { operatorOf } from '../../../process/host.ts'
import type { LeftOut } from '../../../verdict/cautions.ts'
import { countSlotsIn, factsOf, type TaskFacts } from '../../../verdict/found.ts'
import { REMARKS } from '../../../verdict/remarks.ts'
import { recordOf, unknownTaskOf, wantedTasks } from '../../lookup.ts'
import type { CommandContext } from '../../options/arguments.ts'
import { print } from '../../output.ts'

interface ScriptValues {
  readonly store: string
  /** A name, or a prefix with a star at its end. Undefined: all tasks, or those of the owner. */
  readonly task: string | undefined
  readonly owner: string | undefined
  readonly slot: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  readonly only: readonly Rerunnable[] | undefined
  readonly reason: string | undefined
  readonly by: string | undefined
  readonly keepGoing: boolean | undefined
  readonly each: boolean | undefined
  readonly jobs: number | undefined
  readonly retentionMs: number | undefined
  readonly ledgerTimeoutMs: number | undefined
}

/** The work of a stale slot may be done, so it is run only if the operator names its status. */
const USUAL = ['missed', 'failed'] as const satisfies readonly Rerunnable[]
/** The slots that the script lists in comments, with the steps for each: the operator must look at the data first. */
const LOOKED_AT_FIRST: readonly Selectable[] = ['stale', ...keysOf(REMARKS)]
/** A longer script is too long to paste. */
const MAX_SLOTS = 10_000

interface Found {
  readonly why: Selectable | 'named'
  readonly shown: ShownSlot
}

interface OfTasks {
  readonly doubts: Map<string, readonly LeftOut[]>
  /** For each task, those that it comes after. */
  readonly upstreams: Map<string, readonly string[]>
  /** A task whose records cannot be read does not hide the others. */
  fault(text: string, kind: ErrorKind): void
}

/** Prints a script that runs the slots again where their batches run. Starts nothing. Returns the exit code. */
export async function printScript(values: ScriptValues, { rest, sink, stops }: CommandContext): Promise<number> {
  const { store, slot, only = USUAL, reason = '', by = operatorOf({ host: hostname() }) } = values
  const ledger = createLedger({ store })
  const kinds = new Set<ErrorKind>()
  const doubts = new Map<string, readonly LeftOut[]>()
  const upstreams = new Map<string, readonly string[]>()
  const fault: OfTasks['fault'] = (text, kind) => {
    kinds.add(kind)
    sink.write(printable(`cronledger: left out: ${text}`))
  }
  const read =
    slot === undefined
      ? slotsOfRange(values, ledger, { doubts, upstreams, fault }, stops.aborted)
      : readNamed(values, slot, ledger)
  const slots: ShownSlot[] = []
  const leftOut: ShownSlot[] = []
  for await (const { why, shown } of read) {
    const isRun = why === 'named' || only.some((one) => one === why)
    ;(isRun ? slots : leftOut).push(shown)
    if (slots.length > MAX_SLOTS)
      throw usageError(`the script would have more than ${MAX_SLOTS} slots. Give a shorter range, or fewer tasks.`)
  }
  const { keepGoing = false, jobs = 1 } = values
  const isNamed = slot !== undefined
  const usualMs = await usualOf(new Map(slots.map(({ task, of }) => [task, of])), values, ledger, stops.aborted)
  const found = { store, slots, leftOut, doubts, upstreams, usualMs, isNamed, only: isNamed ? DEFAULT_FORCED : only }
  await print(scriptLines({ ...found, reason, by, keepGoing, jobs, batch: rest }).join('\n'))
  return gravestExit(kinds)
}

function slotsOfRange(values: ScriptValues, ledger: Ledger, { doubts, upstreams, fault }: OfTasks, stop: AbortSignal) {
  const { task = '*', owner, from = '', to, only = USUAL, ledgerTimeoutMs } = values
  const { only: isWanted = () => true } = wantedTasks({ task, owner })
  const isOne = owner === undefined && !isTaskPattern(task)
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
    upstreams.set(known.task, known.expectations?.after ?? [])
    const emitDoubt = (_: Date, why: LeftOut) => void doubts.set(known.task, [...(doubts.get(known.task) ?? []), why])
    // The script says which other slots need a look first.
    const asked = { ...values, from, task: known, emitDoubt }
    const others = LOOKED_AT_FIRST.filter((one) => !only.some((other) => other === one))
    try {
      const ranges = values.each ? ('each' as const) : undefined
      for (const more of [
        { only, ranges },
        { only: others, ranges: 'none' as const },
      ])
        for await (const { why, judged } of ledger.rerunnable({ ...asked, ...more }))
          yield { why, shown: shownSlot(judged, values.store) }
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
  { ledgerTimeoutMs }: ScriptValues,
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

async function* readNamed(values: ScriptValues, reference: string, ledger: Ledger): AsyncGenerator<Found> {
  const { store, task = '', ledgerTimeoutMs } = values
  const { slot } = await ledger.findSlot({ task, slot: reference, ledgerTimeoutMs })
  const of = factsOf(task, await knownOf(values, task, ledger), systemClock.now())
  const row = await ledger.get({ task, slot, ledgerTimeoutMs })
  const history: ReadDated = (asked) => ledger.history({ ...asked, ledgerTimeoutMs })
  yield { why: 'named', shown: shownSlot(await judgeNamed(slot.getTime(), row, of, history), store) }
}

async function knownOf({ ledgerTimeoutMs }: ScriptValues, task: string, ledger: Ledger): Promise<KnownTask> {
  const known = await recordOf(ledger, { task, ledgerTimeoutMs })
  if (known === null) throw await unknownTaskOf(ledger, { task, ledgerTimeoutMs })
  return known
}
