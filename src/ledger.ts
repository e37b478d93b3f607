import { randomUUID } from 'node:crypto'
import { isMainThread } from 'node:worker_threads'
import type { CheckOptions, Ledger, LedgerOptions, ReadOptions, Resolved, ResolveOptions, SlotsOptions } from './api.ts'
import { type CheckSettings, checkTask, ofAllTasks, taskHealth } from './audit/check.ts'
import { type HistoryDeps, queryOf, readHistory, readRow } from './audit/history.ts'
import { rerunnableSlots } from './audit/rerunnable.ts'
import { findSlot, readSlots } from './audit/slots.ts'
import { slotsToCatchUp } from './audit/slots-to-catch-up.ts'
import { checkedTask, type KnownTask, knownTask, readTaskRecord, readTaskRecords } from './audit/tasks.ts'
import type { SlotQuery } from './audit/walk.ts'
import { DAY_MS } from './core/duration.ts'
import { usageError } from './core/errors.ts'
import { defined } from './core/objects.ts'
import { DEFAULT_RERUNNABLE, readResolvedState } from './core/row/policy.ts'
import { readInstant, type ScheduleOptions, scheduleOptions } from './core/schedule/schedule-options.ts'
import { expectedTimes } from './core/task/task-record.ts'
import type { ScheduleSpec } from './core/types.ts'
import { checkOperator } from './core/user-text.ts'
import { runFunction, tryFunction } from './function-work.ts'
import { operatorMethods } from './operator-changes.ts'
import { systemClock, ZONE_DATA } from './process/clock.ts'
import { findHost, type HostFacts, operatorOf } from './process/host.ts'
import { findSurvivor } from './process/survivors.ts'
import { commandWork, hashOfCommand } from './run/command.ts'
import { resolveSlot } from './run/resolve.ts'
import { SETTINGS } from './run/settings-table.ts'
import { type KnownRecords, knownRecords, readTold, unlessStarting, writeTold } from './run/task/task-record.ts'
import { type LedgerParts, runAndSay } from './said-run.ts'
import { scheduledTask } from './scheduled-task.ts'
import { describeStore, hideSecret, type OpenedStore, openStore } from './store/open.ts'
import type { JudgedSlot, TaskFinding } from './verdict/judge.ts'

interface WholeCheckOptions extends CheckOptions {
  /** Called for each task that could not be read to the end, whose error is thrown at last. */
  readonly emitFault?: ((task: string) => void) | undefined
  /** Read the rows of a task strongly consistent. Default: eventually. */
  readonly consistent?: true | undefined
}

type SomeSlotsOptions = SlotsOptions & Pick<SlotQuery, 'onlyRows'>

/** The ledger of the commands, which can also read and write what was told to a receiver (`check --once`). */
export interface TellingLedger extends Ledger {
  slots(options: SomeSlotsOptions): AsyncGenerator<JudgedSlot>
  check(options: WholeCheckOptions): AsyncGenerator<TaskFinding>
  told(name: string, options: ReadOptions): ReturnType<typeof readTold>
  tell(
    name: string,
    document: Parameters<typeof writeTold>[1],
    expected: number | 'absent',
    options: ReadOptions,
  ): ReturnType<typeof writeTold>
}

export function createLedger({ store, log }: LedgerOptions): TellingLedger {
  const storeName = hideSecret(store)
  const connection = openOnUse(storeName)
  const parts: LedgerParts = {
    storeName,
    isLocal: () => describeStore(storeName).isLocal,
    open: connection.open,
    host: hostOnce(),
    known: knownRecords(systemClock),
    findMissed: slotsToCatchUp,
    clock: systemClock,
    newId,
    random: Math.random,
    env: process.env,
    zoneData: ZONE_DATA,
    log,
  }
  const reading: OpenForReading = async ({ ledgerTimeoutMs, signal }) => {
    const { store } = await connection.open()
    const pageTimeoutMs = ledgerTimeoutMs ?? SETTINGS.ledgerTimeoutMs.default
    return { store, clock: systemClock, pageTimeoutMs, signals: signal === undefined ? [] : [signal] }
  }
  const ledger = {
    ...runMethods(parts),
    ...readMethods(reading, parts.known),
    resolve: async (options: ResolveOptions) => resolveReference(options, await reading(options), parts),
    ...operatorMethods(reading, parts),
    told: async (name: string, options: ReadOptions) => readTold(name, { ...parts, ...(await reading(options)) }),
    tell: async (...[name, document, expected, options]: Parameters<TellingLedger['tell']>) =>
      writeTold(name, document, expected, { ...parts, ...(await reading(options)) }),
    close: connection.close,
  }
  return { ...ledger, task: (options) => scheduledTask(ledger, options) }
}

type OpenForReading = (options: ReadOptions) => Promise<HistoryDeps>

function runMethods(parts: LedgerParts): Pick<Ledger, 'run' | 'tryRun' | 'once' | 'runCommand'> {
  return {
    run: (options, work) => runFunction(options, work, parts),
    tryRun: (options, work) => tryFunction(options, work, parts),
    once:
      (options, work) =>
      async (...args) => {
        const own = typeof options === 'function' ? options(...args) : options
        const outcome = await runFunction(own, (attempt) => work(attempt, ...args), parts)
        return outcome.status === 'completed' ? outcome.value : undefined
      },
    async runCommand(options, command) {
      // A worker thread gets no signals to pass on.
      if (!isMainThread) throw usageError('runCommand cannot be used in a worker thread. Call it in the main thread.')
      // A process that runs a command must see a pause that was set a second ago, so it always reads the record.
      const own = {
        ...parts,
        known: unlessStarting(parts.known),
        traceEnv: command.env,
        commandHash: hashOfCommand(command.argv),
      }
      return runAndSay(options, (settings) => commandWork(command, settings), command.stops.aborted, own)
    },
  }
}

type ReadMethods = Pick<Ledger, 'get' | 'history' | 'slots' | 'check' | 'health' | 'findSlot' | 'rerunnable' | 'tasks'>

export function readMethods(reading: OpenForReading, records?: KnownRecords): ReadMethods {
  return {
    async get(options) {
      return readRow(options, await reading(options))
    },
    async *history({ limit = Number.POSITIVE_INFINITY, ...options }) {
      yield* readHistory({ ...queryOf(options), limit }, await reading(options))
    },
    async *slots({ task, limit, emitProblem, onlyRows, now, ...options }: SomeSlotsOptions) {
      const deps = await reading(options)
      const range = queryOf({ task: typeof task === 'object' ? task.task : task, ...options })
      const of = { task, limit, emitProblem, onlyRows, fromFirstRow: task !== undefined && options.since === undefined }
      yield* readSlots({ ...range, ...defined(of), now: now?.getTime() ?? deps.clock.now() }, deps)
    },
    async *check(options: WholeCheckOptions) {
      const { consistent } = options
      yield* audit(options, { ...(await reading(options)), consistent }, checkTask)
    },
    async *health(options) {
      yield* audit(options, await reading(options), taskHealth)
    },
    async findSlot(options) {
      const { window, spec, skewMs, known } = await findSlot(options, await reading(options))
      // The caller is about to run the slot.
      if (known !== null) records?.add(known.task, known)
      return { slot: new Date(window.slot), schedule: scheduleOptions(spec), skewMs }
    },
    async *rerunnable({ task, from, until, status = DEFAULT_RERUNNABLE, ...options }) {
      const { retentionMs, ranges, endedRun, withRunning, emitDoubt, ...reads } = options
      const deps = await reading(reads)
      const known = typeof task === 'string' ? await knownTask(task, deps) : task
      const { skewMs } = expectedTimes(known)
      const settings = { from, until, status, retentionMs, ranges, endedRun, withRunning, emitDoubt }
      // A caller that keeps a list of many slots keeps each schedule once.
      const schedules = new Map<ScheduleSpec, ScheduleOptions>()
      for await (const { why, judged, others } of rerunnableSlots(known, settings, deps)) {
        const { slot, row, schedule: spec } = judged
        const schedule = schedules.get(spec) ?? scheduleOptions(spec)
        schedules.set(spec, schedule)
        yield { slot: new Date(slot), why, row, judged, others, schedule, skewMs }
      }
    },
    async *tasks({ task, emitProblem, ...options } = {}) {
      const deps = await reading(options)
      const keepFault = emitProblem && ((name: string, { message }: Error) => emitProblem(`task ${name}: ${message}`))
      const known = task === undefined ? null : await readTaskRecord(task, deps)
      if (known !== null) yield known
      else if (task === undefined) yield* readTaskRecords(deps, keepFault)
    },
  }
}

/** How far back a check looks without `since`, in milliseconds. */
const USUAL_SPAN_MS = 7 * DAY_MS

async function* audit<T>(
  { task, only, since, until, now, progress, emitNote, emitSlot, emitFault }: WholeCheckOptions,
  deps: HistoryDeps,
  ofOne: (task: KnownTask, settings: CheckSettings, deps: HistoryDeps) => AsyncGenerator<T, void>,
): AsyncGenerator<T> {
  const at = now?.getTime() ?? deps.clock.now()
  const settings: CheckSettings = {
    now: at,
    only,
    emitNote,
    emitSlot,
    emitFault,
    since: since === undefined ? at - USUAL_SPAN_MS : readInstant(since, 'since'),
    until: until === undefined ? at : readInstant(until, 'until'),
    progress: (name, slot) => progress?.(name, new Date(slot)),
  }
  if (task === undefined) yield* ofAllTasks(ofOne, settings, deps)
  else yield* ofOne(typeof task === 'string' ? await checkedTask(task, deps) : task, settings, deps)
}

async function resolveReference(
  { task, slot, state, reason, runId: endedRun, by }: ResolveOptions,
  deps: HistoryDeps,
  { host, newId, random, zoneData }: LedgerParts,
): Promise<Resolved> {
  const decision = { state: readResolvedState(state), reason, by: by ?? operatorOf((await host()).host) }
  checkOperator(decision)
  const { window, spec, skewMs } = await findSlot({ task, slot }, deps)
  const request = { task, window, schedule: spec, zoneData, runId: newId(), ...defined({ endedRun }), ...decision }
  const settings = { skewMs, ledgerTimeoutMs: deps.pageTimeoutMs }
  const io = { ...deps, newId, random, findSurvivor }
  const resolveResult = await resolveSlot(request, settings, io)
  return { ...resolveResult, slot: new Date(window.slot) }
}

function openOnUse(name: string) {
  let opened: Promise<OpenedStore> | null = null
  return {
    open() {
      opened ??= openStore(name, process.env).catch((error: unknown) => {
        opened = null
        throw error
      })
      return opened
    },
    async close() {
      // An error of the opening was thrown to the call that needed the ledger, and nothing is open.
      const left = await opened?.catch(() => null)
      left?.store.close()
    },
  }
}

/** Finds the host once, because under ECS that takes requests of its own. */
function hostOnce(): () => Promise<HostFacts> {
  let asked: Promise<HostFacts> | null = null
  return async () => {
    asked ??= findHost(process.env)
    const found = await asked
    // The next run asks again.
    if (found.place === 'unknown') asked = null
    return found
  }
}

/** Returns 80 random bits, because each row holds several ids. Node draws the randomness of many UUIDs at once. */
function newId(): string {
  const uuid = randomUUID()
  return uuid.slice(0, 8) + uuid.slice(24)
}
