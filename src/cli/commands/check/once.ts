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
import { type FindingKind, isFinding, type JudgedSlot, NO_FINDINGS } from '../../../verdict/judge.ts'
import { collectProblems } from '../../../verdict/problems.ts'
import {
  collectBouts,
  decideTold,
  decodeTold,
  encodeTold,
  type GroupNews,
  type Message,
  READ_MS,
  readFrom,
  SEND_MS,
  type Span,
  type Told,
  unreadBout,
} from '../../../verdict/told.ts'
import type { Notify } from '../../options/notify.ts'

export interface OnceOptions {
  /** Whom is told. */
  readonly name: string
  readonly store: string
  /** The task or the prefix of the check. */
  readonly task: string | undefined
  readonly owner: string | undefined
  readonly status: readonly FindingKind[] | undefined
  readonly notifyOn: readonly string[] | undefined
  readonly zone: string
  readonly now: Instant
}

export interface Once {
  /** How many slots of each kind are open, also if they were told before. */
  readonly count: Readonly<Record<FindingKind, number>>
  readonly unread: number
  readonly hasNews: boolean
  /** Why messages were not sent. Empty: all were, or there were none. */
  readonly failures: readonly string[]
}

/** How the check shows what it tells, before it writes that it was told, or after it was sent. */
type Show = (telling: Telling, messages: readonly Digest[]) => Promise<void>

const LANES = 8
/** Another check writes in between each time. */
const MAX_CONFLICTS = 20

/**
 * Tells a receiver each problem once. What was told is an entry of the ledger. With a command, the messages are written first, then sent, then
 * taken out of the entry: each is sent at least once. Without one, they are printed first.
 */
export async function tellOnce(
  ledger: TellingLedger,
  check: CheckOptions & { readonly since: Date; readonly until: Date },
  options: OnceOptions,
  notify: Notify | null,
  show: Show,
): Promise<Once> {
  const { name, now } = options
  checkName(name)
  const filter = filterText(options)
  const reading = { ledgerTimeoutMs: check.ledgerTimeoutMs }
  let before = await readEntry(ledger, name, filter, reading)
  const from = readFrom(before.told, check.since.getTime(), { now, skewMs: DEFAULT_SKEW_MS })
  const sight = openSight(ledger, { ...check, since: new Date(from) }, options, notify, before.told)
  await sight.read()
  const looked = new Set<string>()
  for (let tries = 1; ; tries += 1) {
    const decide = () => decideTold(before.told, filter, sight.seen(from), () => randomUUID().slice(0, 13))
    let decision = decide()
    for (let doubtful = decision.doubtful; ; doubtful = decision.doubtful) {
      const left = [...doubtful].filter((task) => !looked.has(task))
      if (left.length === 0) break
      const limit = pLimit(LANES)
      await Promise.all(left.map((task) => limit(() => sight.lookAgain(task, spansOf(before.told, task), from))))
      for (const task of left) looked.add(task)
      decision = decide()
    }
    const telling: Telling = { ...sight, decision, gap: gapText(before.told, from, options) }
    const writeId = randomUUID()
    const context = { store: options.store, task: options.task, since: from, now }
    const isOpenWanted = notify === null || sight.wantsOpen
    const messages = [
      ...(decision.open.length > 0 && isOpenWanted ? [openMessage(randomUUID(), telling, context)] : []),
      ...(decision.over.length > 0 && (notify === null || notify.wants('recovered'))
        ? [overMessage(randomUUID(), telling, now)]
        : []),
    ]
    if (notify === null) await show(telling, messages)
    const unsent = notify === null ? [] : messages.map((one) => messageOf(one, decision.open.concat(decision.over)))
    const told = { ...decision.told, writeId, unsent: [...decision.told.unsent, ...unsent] }
    const beganMs = systemClock.monotonicMs()
    const written = await write(ledger, name, told, before.version, reading)
    if (!written) {
      const found = await readEntry(ledger, name, filter, reading)
      // The answer of our own write was lost.
      const isOwn = found.told?.writeId === writeId || unsent.some(({ number }) => hasNumber(found.told, number))
      if (!isOwn) {
        if (tries === MAX_CONFLICTS)
          throw new LedgerError('unreachable', `other checks wrote what was told to ${name} each time. Try again.`)
        before = found
        continue
      }
    }
    const failures = notify === null ? new Map() : await send(notify, messages, beganMs)
    if (unsent.length > 0) await mark(ledger, options, filter, failures, messages, reading)
    if (notify !== null) await show(telling, messages)
    const reasons = [...failures.values()].flatMap((why) => why ?? [])
    return { ...sight.open(), hasNews: decision.hasNews, failures: reasons }
  }
}

function checkName(name: string): void {
  if (isTaskName(name)) return
  throw usageError(
    `--once ${quote(name)} is not a valid name. Use 1 to 128 of the characters A-Z a-z 0-9 . _ / - and begin with a letter or a digit.`,
  )
}

function filterText({ task, owner, status, notifyOn }: OnceOptions): string {
  const parts = { owner, status: status?.toSorted().join(','), 'notify-on': notifyOn?.toSorted().join(',') }
  const flags = Object.entries(parts).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${value}`]))
  return [task === undefined || task === '*' ? 'all tasks' : `task ${task}`, ...flags].join(' ')
}

interface ReadTold {
  readonly told: Told | null
  readonly version: number | 'absent'
}

type Reading = Pick<CheckOptions, 'ledgerTimeoutMs'>

async function readEntry(ledger: TellingLedger, name: string, filter: string, reading: Reading): Promise<ReadTold> {
  const entry = await ledger.told(name, reading)
  if (entry === null) return { told: null, version: 'absent' }
  const told = decodeTold(entry.document, name)
  if (told.filter === filter) return { told, version: entry.version }
  throw usageError(
    `--once ${name} is for ${told.filter}, and not for ${filter}. Use another name for another choice of tasks.`,
  )
}

/** Returns false after a conflict. */
async function write(ledger: TellingLedger, name: string, told: Told, version: ReadTold['version'], reading: Reading) {
  try {
    return (await ledger.tell(name, encodeTold(told), version, reading)) === 'ok'
  } catch (error) {
    if (!(error instanceof LedgerError) || error.kind !== 'denied') throw error
    throw new LedgerError(
      'denied',
      `${error.message.replace(/\.?$/, '.')} Nothing was sent. A checker must write the item #told/${name}: give it the statement Told of cronledger template checker-policy.`,
      { cause: error },
    )
  }
}

function messageOf(digest: Digest, news: readonly GroupNews[]): Message {
  const isOver = digest.event === 'repaired'
  return {
    number: String(digest['number']),
    at: Date.parse(digest.time),
    kind: digest.event,
    groups: news
      .filter(({ state }) => (state === 'over') === isOver)
      .map(({ group }) => ({ id: group.id, name: group.name })),
  }
}

function hasNumber(told: Told | null, number: string): boolean {
  return told?.unsent.some((one) => one.number === number) === true
}

/** Sends while no other check may think that nobody does. Returns why each message failed. Undefined: it was sent. */
async function send(notify: Notify, messages: readonly Digest[], beganMs: number) {
  const sent = messages.map(async (digest) => {
    const leftMs = SEND_MS - (systemClock.monotonicMs() - beganMs)
    const why = leftMs > 0 ? await notify.deliver(digest, leftMs) : 'there was not enough time to start the command'
    return [String(digest['number']), why ?? undefined] as const
  })
  return new Map(await Promise.all(sent))
}

/** Takes what was sent out of the entry, whatever else changed, and marks what failed. */
async function mark(
  ledger: TellingLedger,
  { name }: OnceOptions,
  filter: string,
  failures: ReadonlyMap<string, string | undefined>,
  messages: readonly Digest[],
  reading: Reading,
): Promise<void> {
  const numbers = new Set(messages.map((one) => String(one['number'])))
  for (let tries = 1; tries <= MAX_CONFLICTS; tries += 1) {
    const { told, version } = await readEntry(ledger, name, filter, reading)
    // Another check has found them unsent since, and sends them.
    if (told === null || !told.unsent.some(({ number }) => numbers.has(number))) return
    const unsent = told.unsent.flatMap((one) =>
      !numbers.has(one.number)
        ? one
        : failures.get(one.number) === undefined
          ? []
          : { ...one, hasFailed: true as const },
    )
    if (await write(ledger, name, { ...told, unsent, writeId: randomUUID() }, version, reading)) return
  }
}

function spansOf(told: Told | null, task: string): readonly Span[] {
  return (told?.groups ?? []).flatMap(({ spans }) => spans.filter((span) => span.task === task))
}

function gapText(told: Told | null, from: Instant, { zone, now }: OnceOptions): string | null {
  const at = told === null ? from : Math.min(told.at, now)
  return at >= from ? null : `no check looked at the slots from ${zonedTime(at, zone)} to ${zonedTime(from, zone)}`
}

/** Reads the slots, and keeps what decides about them. */
function openSight(
  ledger: TellingLedger,
  check: CheckOptions & { readonly since: Date; readonly until: Date },
  { task: asked, owner, status, notifyOn, now }: OnceOptions,
  notify: Notify | null,
  told: Told | null,
) {
  const wantsOpen = notifyOn === undefined || notifyOn.some((kind) => kind !== 'recovered')
  const isKind = (kind: FindingKind) =>
    status?.includes(kind) !== false && (notify === null || !wantsOpen || notify.wants(kind))
  const isWanted = (one: JudgedSlot) => one.kind !== null && isKind(one.kind)
  const bouts = collectBouts(isWanted)
  const problems = collectProblems()
  const known = new Map<string, KnownTask>()
  const covered = new Set<string>()
  const unread = new Set<string>()
  const notFound = new Set<string>()
  const open = new Map<string, FindingKind[]>()
  const toldTasks = new Set((told?.groups ?? []).flatMap(({ spans }) => spans.map(({ task }) => task)))
  const add = (one: JudgedSlot) => {
    if (!covered.has(one.task)) return
    bouts.add(one)
    problems.add(one, isWanted(one))
    if (one.kind === null || !isKind(one.kind)) return
    const kinds = open.get(one.task) ?? []
    open.set(one.task, kinds)
    kinds.push(one.kind)
  }
  const cover = (task: KnownTask) => {
    known.set(task.task, task)
    if (!isRetired(task, now)) covered.add(task.task)
  }
  const isAsked = ({ task, expectations }: KnownTask) =>
    isTaskOf(asked ?? '*', task) && (check.only?.({ task, expectations } as KnownTask) ?? true)
  const readKnown = async (task: string) => {
    for await (const one of ledger.tasks({ task, ledgerTimeoutMs: check.ledgerTimeoutMs })) if (isAsked(one)) cover(one)
  }
  return {
    wantsOpen,
    problems: problems.problems,
    ownerOf: (task: string) => known.get(task)?.expectations?.owner,
    /** Reads all tasks. One that cannot be read is a problem of its own. */
    async read(): Promise<void> {
      if (check.task !== undefined) await readKnown(String(check.task))
      try {
        const only = (task: KnownTask) => {
          const isOne = isAsked(task)
          if (isOne) cover(task)
          return isOne
        }
        const emitFault = (task: string) => unread.add(task)
        for await (const _ of ledger.check({ ...check, only, emitFault, emitSlot: add }));
      } catch (error) {
        if (check.task !== undefined && isFaultOfTask(error) && error.kind === 'shape') unread.add(String(check.task))
        else if (unread.size === 0 || !isFaultOfTask(error)) throw error
      }
      // A record that cannot be read does not say whose it is.
      for (const task of unread)
        if (!known.has(task) && isTaskOf(asked ?? '*', task) && (owner === undefined || toldTasks.has(task)))
          covered.add(task)
      // The list of the tasks may be late.
      for (const task of toldTasks)
        if (!known.has(task) && !covered.has(task)) {
          await readKnown(task)
          if (covered.has(task)) notFound.add(task)
        }
    },
    /** Reads a task again, strongly consistent, and what was told of it from its begin on. */
    async lookAgain(task: string, spans: readonly Span[], from: Instant): Promise<void> {
      bouts.forget(task)
      problems.forget(task)
      open.delete(task)
      const since = new Date(Math.min(from, ...spans.map(({ first }) => first)))
      const isTold = ({ slot, row }: JudgedSlot) =>
        slot >= from ||
        (!(row === null && slot < now - READ_MS) && spans.some(({ first, last }) => first <= slot && slot <= last))
      const emitSlot = (one: JudgedSlot) => {
        if (isTold(one) || !isFinding(one)) add(one)
      }
      try {
        for await (const _ of ledger.check({ ...check, task, since, consistent: true, emitSlot, emitNote: undefined }));
      } catch (error) {
        if (!isFaultOfTask(error)) throw error
        unread.add(task)
      }
    },
    seen: (from: Instant) => {
      const whole = new Set([...covered].filter((task) => !unread.has(task) && !notFound.has(task)))
      const ofUnread = isKind('unknown') ? [...unread].filter((task) => covered.has(task)) : []
      return {
        now,
        from,
        skewMs: DEFAULT_SKEW_MS,
        whole,
        bouts: [...[...whole].flatMap(bouts.boutsOf), ...ofUnread.map((task) => unreadBout(task, now))],
        covers: (task: string) => covered.has(task),
        isMoving: bouts.isMoving,
      }
    },
    open() {
      const count: Record<FindingKind, number> = { ...NO_FINDINGS }
      for (const kind of [...open.values()].flat()) count[kind] += 1
      return { count, unread: [...unread].filter((task) => covered.has(task)).length }
    },
  }
}
