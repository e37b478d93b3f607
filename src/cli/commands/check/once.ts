import { randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import type { CheckOptions } from '../../../api.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { isFaultOfTask, LedgerError, quote, usageError } from '../../../core/errors.ts'
import { DEFAULT_SKEW_MS } from '../../../core/row/policy.ts'
import { isTaskOf } from '../../../core/task/pattern.ts'
import { isRetired } from '../../../core/task/suspensions.ts'
import type { Instant } from '../../../core/types.ts'
import { isTaskName } from '../../../core/user-text.ts'
import type { Digest } from '../../../format/check/digest.ts'
import { openMessage, overMessage, type Telling } from '../../../format/check/told.ts'
import { zonedTime } from '../../../format/local-time.ts'
import type { TellingLedger } from '../../../ledger.ts'
import { systemClock } from '../../../process/clock.ts'
import { type FindingKind, isFinding, type JudgedSlot } from '../../../verdict/judge.ts'
import { collectProblems } from '../../../verdict/problems.ts'
import {
  afterSending,
  type Decision,
  decideTold,
  decodeTold,
  encodeTold,
  READ_MS,
  readFrom,
  SEND_MS,
  type Seen,
  type Span,
  type Told,
} from '../../../verdict/told.ts'

export interface OnceOptions {
  readonly name: string
  readonly store: string
  /** The task or the prefix of the check. */
  readonly task: string | undefined
  readonly owner: string | undefined
  readonly status: readonly FindingKind[] | undefined
  readonly notifyOn: readonly string[] | undefined
  readonly zone: string
  readonly now: Instant
  readonly wants: Seen['wants']
  isKind(kind: FindingKind): boolean
}

type OnceCheck = CheckOptions & { readonly since: Date; readonly until: Date }

export interface Tidings {
  readonly telling: Telling
  readonly messages: readonly Digest[]
}

/** Tells it within this time. Returns why messages failed, by their numbers. */
export type Deliver = (tidings: Tidings, ms: number) => Promise<ReadonlyMap<string, string>>

const LANES = 8
/** Another check writes in between each time. */
const MAX_CONFLICTS = 20

/**
 * Tells a receiver each problem once. What was told is an entry of the ledger. The messages are written first, then delivered, then taken
 * out of the entry: each is delivered at least once.
 */
export async function tellOnce(ledger: TellingLedger, check: OnceCheck, options: OnceOptions, deliver: Deliver) {
  const { name, store, task, now, zone } = options
  if (!isTaskName(name))
    throw usageError(
      `--once ${quote(name)} is not a valid name. Use 1 to 128 of the characters A-Z a-z 0-9 . _ / - and begin with a letter or a digit.`,
    )
  const entry = openEntry(ledger, options, check.ledgerTimeoutMs)
  let before = await entry.read()
  const from = readFrom(before.told, check.since.getTime(), { now, skewMs: DEFAULT_SKEW_MS })
  const at = before.told === null ? from : Math.min(before.told.at, now)
  const gap = at < from ? `no check looked at the slots from ${zonedTime(at, zone)} to ${zonedTime(from, zone)}` : null
  const spans = (before.told?.groups ?? []).flatMap((group) => group.spans)
  const sight = openSight(ledger, { ...check, since: new Date(from) }, options, spans)
  await sight.read()
  for (let tries = 1; ; tries += 1) {
    const decision = await decide(before.told, entry.filter, sight)
    const { told, open, numbers } = decision
    const telling = { problems: sight.problems, ownerOf: sight.ownerOf, decision, gap }
    const messages = [
      ...(numbers.open === null ? [] : [openMessage(numbers.open, telling, { store, task, since: from, now })]),
      ...(numbers.over === null ? [] : [overMessage(numbers.over, telling, now)]),
    ]
    const beganMs = systemClock.monotonicMs()
    if (!(await entry.write(told, before.version))) {
      before = await entry.read()
      // The answer of our own write may have been lost.
      if (before.told?.writeId !== told.writeId) {
        if (tries < MAX_CONFLICTS) continue
        throw new LedgerError('unreachable', `other checks wrote what was told to ${name} each time. Try again.`)
      }
    }
    // After this time, another check takes them for not sent.
    const leftMs = SEND_MS - (systemClock.monotonicMs() - beganMs)
    const late = messages.map(({ number }) => [String(number), 'there was not enough time to tell it'] as const)
    const failures = leftMs > 0 ? await deliver({ telling, messages }, leftMs) : new Map(late)
    const endOf = (number: string | null, end: 'sent' | 'over') =>
      number === null ? [] : [[number, failures.has(number) ? 'failed' : end] as const]
    if (messages.length > 0) await entry.end(new Map([...endOf(numbers.open, 'sent'), ...endOf(numbers.over, 'over')]))
    return { telling, messages, failures: [...failures.values()], hasNews: open.length > 0, ...sight.found() }
  }
}

/** Decides, and reads each task again for which a weaker read is not enough. */
async function decide(told: Told | null, filter: string, sight: Sight): Promise<Decision> {
  const decision = decideTold(told, filter, sight.seen(), randomUUID)
  return (await sight.lookAgain(decision.doubtful)) ? decide(told, filter, sight) : decision
}

function filterText({ task, owner, status, notifyOn }: OnceOptions): string {
  const parts = { owner, status: status?.toSorted().join(','), 'notify-on': notifyOn?.toSorted().join(',') }
  const flags = Object.entries(parts).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${value}`]))
  return [task === undefined || task === '*' ? 'all tasks' : `task ${task}`, ...flags].join(' ')
}

function openEntry(ledger: TellingLedger, options: OnceOptions, ledgerTimeoutMs: number | undefined) {
  const { name, store } = options
  const filter = filterText(options)
  const reading = { ledgerTimeoutMs }
  async function read() {
    const found = await ledger.told(name, reading)
    if (found === null) return { told: null, version: 'absent' as const }
    const told = decodeTold(found.document, name)
    if (told.filter === filter) return { told, version: found.version }
    throw usageError(
      `--once ${name} is for ${told.filter}, and not for ${filter}. Use another name for another choice of tasks.`,
    )
  }
  /** Returns false after a conflict. */
  async function write(told: Told, version: number | 'absent'): Promise<boolean> {
    try {
      return (await ledger.tell(name, encodeTold(told), version, reading)) === 'ok'
    } catch (error) {
      if (!(error instanceof LedgerError) || error.kind !== 'denied') throw error
      const right = store.startsWith('postgres')
        ? 'the policy "told" in cronledger template postgres'
        : 'the statement "Told" in cronledger template checker-policy'
      throw new LedgerError(
        'denied',
        `${error.message.replace(/\.?$/, '.')} Nothing was told. A checker must write the item #told/${name}: give it ${right}.`,
        { cause: error },
      )
    }
  }
  return {
    filter,
    read,
    write,
    /** Says how messages ended, unless another check has found them unsent since, and sends them. */
    async end(ends: Parameters<typeof afterSending>[1]): Promise<void> {
      for (let tries = 1; tries <= MAX_CONFLICTS; tries += 1) {
        const { told, version } = await read()
        const next = told && afterSending(told, ends)
        if (next === null || (await write({ ...next, writeId: randomUUID() }, version))) return
      }
    },
  }
}

type Sight = ReturnType<typeof openSight>

/** Keeps the tasks that were seen, their owners, and whether the check is about them. */
function openTasks(ledger: TellingLedger, check: OnceCheck, { task: asked = '*', now }: OnceOptions) {
  const known = new Map<string, { readonly owner?: string | undefined; readonly isCovered: boolean }>()
  const cover = (task: KnownTask): boolean => {
    const isAsked = isTaskOf(asked, task.task) && check.only?.(task) !== false
    known.set(task.task, { owner: task.expectations?.owner, isCovered: isAsked && !isRetired(task, now) })
    return isAsked
  }
  return {
    known,
    isCovered: (task: string) => known.get(task)?.isCovered === true,
    cover,
    async readTask(task: string): Promise<void> {
      for await (const one of ledger.tasks({ task, ledgerTimeoutMs: check.ledgerTimeoutMs })) cover(one)
    },
  }
}

function isTold({ slot, row }: JudgedSlot, spans: readonly Span[], now: Instant): boolean {
  const isTooOld = row === null && slot < now - READ_MS
  return !isTooOld && spans.some(({ first, last }) => first <= slot && slot <= last)
}

/** Reads the slots, and keeps what decides about them. `told`: what was told and is not over. */
function openSight(ledger: TellingLedger, check: OnceCheck, options: OnceOptions, told: readonly Span[]) {
  const { task: asked, owner, isKind, wants, now } = options
  const from = check.since.getTime()
  const { byTask, add, forget, problems, count } = collectProblems()
  const { known, isCovered, cover, readTask } = openTasks(ledger, check, options)
  const unread = new Set<string>()
  const looked = new Set<string>()
  const emitSlot = (one: JudgedSlot) => {
    if (isCovered(one.task)) add(one, one.kind !== null && isKind(one.kind))
  }
  /** Reads the task with strong consistency, from the begin of what was told of it. */
  const readAgain = async (task: string): Promise<void> => {
    looked.add(task)
    forget(task)
    const spans = told.filter((span) => span.task === task)
    const range = { since: new Date(Math.min(from, ...spans.map(({ first }) => first))), consistent: true as const }
    const emitIn = (one: JudgedSlot) => {
      if (one.slot >= from || isTold(one, spans, now) || !isFinding(one)) emitSlot(one)
    }
    try {
      for await (const _ of ledger.check({ ...check, ...range, task, emitSlot: emitIn, emitNote: undefined }));
    } catch (error) {
      if (!isFaultOfTask(error)) throw error
      unread.add(task)
    }
  }
  const unreadTasks = () => [...unread].filter(isCovered)
  return {
    problems,
    ownerOf: (task: string) => known.get(task)?.owner,
    /** Reads all tasks. One that cannot be read is a problem of its own. */
    async read(): Promise<void> {
      const { task } = check
      try {
        if (task !== undefined) await readTask(String(task))
        const emitFault = (name: string) => unread.add(name)
        for await (const _ of ledger.check({ ...check, only: cover, emitFault, emitSlot }));
      } catch (error) {
        if (task !== undefined && isFaultOfTask(error) && error.kind === 'shape') unread.add(String(task))
        else if (unread.size === 0 || !isFaultOfTask(error)) throw error
      }
      const toldTasks = new Set(told.map((span) => span.task))
      // A record that cannot be read does not say whose it is.
      for (const name of unread)
        if (!known.has(name) && isTaskOf(asked ?? '*', name) && (owner === undefined || toldTasks.has(name)))
          known.set(name, { isCovered: true })
      // The list of the tasks may be late.
      for (const name of toldTasks)
        if (!known.has(name)) {
          await readTask(name)
          if (isCovered(name)) await readAgain(name)
        }
    },
    async lookAgain(tasks: ReadonlySet<string>): Promise<boolean> {
      const left = [...tasks].filter((task) => !looked.has(task))
      const limit = pLimit(LANES)
      await Promise.all(left.map((task) => limit(readAgain, task)))
      return left.length > 0
    },
    seen(): Seen {
      const covered = [...known.keys()].filter(isCovered)
      const whole = new Set(covered.filter((task) => !unread.has(task)))
      return {
        now,
        from,
        skewMs: DEFAULT_SKEW_MS,
        wants,
        whole,
        covers: isCovered,
        isWhole: whole.size === covered.length,
        bouts: [...whole].flatMap((task) => byTask.get(task)?.bouts ?? []),
        unread: isKind('unknown') ? unreadTasks() : [],
        isMoving: ({ task, first, last }) =>
          byTask.get(task)?.moving.some((slot) => first <= slot && slot <= last) === true,
      }
    },
    found: () => ({ count: count(isCovered), unread: unreadTasks().length }),
  }
}
