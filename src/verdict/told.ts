import { LedgerError } from '../core/errors.ts'
import { groupedBy } from '../core/objects.ts'
import * as stored from '../core/row/stored-fields.ts'
import type { Instant } from '../core/types.ts'
import { type Bout, beginOf, wordsOf } from './problems.ts'

// What was told to whom (`check --once NAME`). The ledger remembers bouts, and not problems: spans of the slots of a task.

/** Findings of slots whose work is not done, or of those that are done or run, or that the task could not be read. */
const SORTS = ['work', 'look', 'unread'] as const

/** Between two of its ends, a task has told findings of this sort. A span only grows. */
export interface Span {
  readonly task: string
  readonly sort: (typeof SORTS)[number]
  readonly first: Instant
  readonly last: Instant
}

interface SeenBout extends Span {
  readonly likes: readonly string[]
  /** What its oldest streak is, as a name of its group. */
  readonly name: string
  readonly isPast: boolean
}

/** The bouts that were told together. Without any, it is over, and the message about that is not yet sent. */
interface Group {
  readonly id: string
  readonly since: Instant
  readonly name: string
  readonly likes: readonly string[]
  readonly spans: readonly Span[]
  /** It has what the first check found: nothing joins it. */
  readonly isFirst?: true
  /** There was no room for its spans. This group never grows, and a bout that begins in it counts as told. */
  readonly fixed?: { readonly first: Instant; readonly last: Instant; readonly tasks: number }
  /** The newest message about it, until it was sent. */
  readonly unsent?: { readonly number: string; readonly at: Instant; readonly hasFailed?: true }
}

export interface Told {
  /** Random, of the write, which is recognised by it if its answer was lost. */
  readonly writeId: string
  readonly filter: string
  readonly at: Instant
  readonly groups: readonly Group[]
  /** Bouts of the sort `look` that were told and are over, and that a check still finds. */
  readonly past: readonly Span[]
}

const HOUR_MS = 3_600_000
/** A check reads no slots that are older than this. */
export const READ_MS = 31 * 24 * HOUR_MS
/** A message that was written this long ago is not being sent any more. */
export const SEND_MS = 10_000
const MAX_BYTES = 100_000
const MAX_LIKES = 20
const MAX_NAME = 120
const SCHEMA = 1

function seenBout({ task, sort, streaks, isPast }: Bout): SeenBout {
  const all = [...streaks.values()].sort((one, other) => beginOf(one) - beginOf(other))
  const likes = all.slice(0, MAX_LIKES).map(({ like }) => like.slice(0, MAX_NAME))
  const newest = all.map(({ slots: [slot = 0] }) => slot)
  const [name = ''] = all.map(({ newest: found }) => [found.kind, wordsOf(found).words ?? []].flat().join(': '))
  return { task, sort, first: Math.min(...all.map(beginOf)), last: Math.max(...newest), likes, name, isPast }
}

function unreadBout(task: string, now: Instant): SeenBout {
  const at = now - (now % 1_000)
  const name = 'cannot be read'
  return { task, sort: 'unread', first: at, last: at, likes: [name], name, isPast: false }
}

export interface Seen {
  readonly now: Instant
  readonly from: Instant
  readonly skewMs: number
  readonly bouts: readonly Bout[]
  readonly unread: readonly string[]
  readonly whole: ReadonlySet<string>
  /** Whether all tasks that the check covers were read to the end. */
  readonly isWhole: boolean
  /** Whether the check covers the task still. */
  covers(task: string): boolean
  /** Whether a slot runs, or waits for its next attempt. */
  isMoving(span: Span): boolean
  /** Whether a message about what is new, and about what is over, has a receiver. */
  readonly wants: Readonly<Record<keyof Decision['numbers'], boolean>>
}

export interface GroupNews {
  readonly group: Group
  readonly state: 'new' | 'joined' | 'over'
  /** What is new, or over. If a message was not sent: all spans of its group. */
  readonly spans: readonly Span[]
  /** Tasks that the check does not cover any more. */
  readonly dropped: readonly string[]
}

export interface Decision {
  /** What is to be remembered, with the messages as unsent. */
  readonly told: Told
  readonly open: readonly GroupNews[]
  readonly over: readonly GroupNews[]
  /** The message about each, if there is one. */
  readonly numbers: { readonly open: string | null; readonly over: string | null }
  /** The tasks for which a weaker read is not enough: a row may have come late. */
  readonly doubtful: ReadonlySet<string>
}

interface OpenSpan extends Span {
  first: Instant
  last: Instant
  readonly of: string
  /** It has a bout that is new in this check, or that was told, or that was told and is over. */
  has?: 'new' | 'told' | 'past'
}

interface OpenGroup extends Group {
  spans: OpenSpan[]
  likes: readonly string[]
  readonly fresh: Span[]
  readonly dropped: readonly string[]
  readonly isNew: boolean
}

/** Decides what is to be told. `before` is null in the first check of a name. */
export function decideTold(before: Told | null, filter: string, seen: Seen, newId: () => string): Decision {
  const { now, from, whole, covers } = seen
  const latest = now + seen.skewMs
  const doubtful = new Set<string>()
  const groups: OpenGroup[] = (before?.groups ?? []).map((group) => ({
    ...group,
    since: Math.min(group.since, latest),
    spans: group.spans.filter(({ task }) => covers(task)).map((span) => ({ ...span, of: group.id })),
    fresh: [],
    isNew: false,
    dropped: group.spans.filter(({ task }) => !covers(task)).map(({ task }) => task),
  }))
  const past: OpenSpan[] = (before?.past ?? []).flatMap((span) =>
    covers(span.task) && span.last >= from ? { ...span, of: '' } : [],
  )
  const spansOf = groupedBy(
    groups.flatMap(({ spans }) => spans),
    ({ task }) => task,
  )
  const bouts = [...seen.bouts.map(seenBout), ...seen.unread.map((task) => unreadBout(task, now))]
  for (const bout of bouts.toSorted((one, other) => one.first - other.first)) {
    const own = spansOf.get(bout.task) ?? []
    spansOf.set(bout.task, own)
    const near = own.filter((span) => continues(bout, span))
    const old = near.filter(({ has }) => has !== 'new')
    for (const span of old)
      Object.assign(grow(span, bout), { has: bout.isPast && span.has !== 'told' ? 'past' : 'told' })
    const over = past.filter((span) => span.task === bout.task && span.sort === bout.sort && overlaps(bout, span))
    for (const span of over) grow(span, bout)
    if (over.length + old.length > 0 || groups.some(({ fixed }) => isIn(bout, fixed))) continue
    doubtful.add(bout.task)
    // A bout that is new in this check does not grow by one that was told before.
    const joined = groups.find(({ id }) => id === near[0]?.of) ?? newestLike(groups, bout, now)
    const group = joined ?? (before === null ? groups[0] : undefined) ?? newGroup(bout, now, newId(), before === null)
    if (!groups.includes(group)) groups.push(group)
    group.fresh.push(spanOf(bout))
    group.likes = [...new Set([...group.likes, ...bout.likes])].slice(0, MAX_LIKES)
    // A group has one span for each task and sort.
    const span = own.find(({ sort, of }) => sort === bout.sort && of === group.id)
    const added: OpenSpan = { ...spanOf(bout), of: group.id, has: 'new' }
    if (span !== undefined) Object.assign(grow(span, bout), { has: 'new' })
    else for (const spans of [group.spans, own]) spans.push(added)
  }

  const isOver = (span: OpenSpan): boolean => {
    const { task, sort, has } = span
    if (has === 'new' || has === 'told' || !whole.has(task)) return false
    if (has === 'past' || sort === 'unread') return true
    doubtful.add(task)
    return !seen.isMoving(span)
  }
  const news = groups.flatMap((group): GroupNews[] => {
    const gone = new Set(group.spans.filter(isOver))
    past.push(...[...gone].filter(({ has }) => has === 'past'))
    group.spans = group.spans.filter((span) => !gone.has(span))
    const { spans, fresh, fixed, unsent, dropped, isNew } = group
    const isOpen = spans.length > 0 || (fixed && (!seen.isWhole || bouts.some((bout) => isIn(bout, fixed))))
    const isDue = unsent && (unsent.hasFailed || now - Math.min(unsent.at, latest) > SEND_MS)
    if (!isOpen) return unsent && !isDue ? [] : [{ group, state: 'over', spans: [...gone], dropped }]
    if (!isDue && fresh.length === 0) return []
    // The message that is not yet sent may never be.
    return [{ group, state: isNew || unsent ? 'new' : 'joined', spans: unsent ? spans : fresh, dropped }]
  })
  const [open, over] = [news.filter(({ state }) => state !== 'over'), news.filter(({ state }) => state === 'over')]
  const numbers = {
    open: open.length > 0 && seen.wants.open ? newId() : null,
    over: over.length > 0 && seen.wants.over ? newId() : null,
  }
  const next = groups.flatMap(({ unsent, fixed, ...group }): Group[] => {
    const state = news.find(({ group: { id } }) => id === group.id)?.state
    const number = state === 'over' ? numbers.over : numbers.open
    if (state === 'over' && number === null) return []
    const sending = state === undefined ? unsent : number === null ? undefined : { number, at: now }
    return [{ ...group, ...(fixed && state !== 'over' && { fixed }), ...(sending && { unsent: sending }) }]
  })
  const told = fitting({ writeId: newId(), filter, at: now, groups: next, past })
  return { told, open, over, numbers, doubtful }
}

function spanOf({ task, sort, first, last }: Span): Span {
  return { task, sort, first, last }
}

function overlaps(one: Span, other: Span): boolean {
  return one.first <= other.last && other.first <= one.last
}

/** It overlaps a told span of its task and sort, or begins less than an hour after it. */
function continues(bout: Span, span: Span): boolean {
  if (bout.sort !== span.sort) return false
  return bout.sort === 'unread' || (bout.first < span.last + HOUR_MS && span.first <= bout.last)
}

function isIn({ sort, first }: Span, fixed: Group['fixed']): boolean {
  return fixed !== undefined && sort !== 'unread' && fixed.first <= first && first <= fixed.last
}

function grow(span: OpenSpan, { first, last }: Span): OpenSpan {
  return Object.assign(span, { first: Math.min(span.first, first), last: Math.max(span.last, last) })
}

/** Returns the newest group of the last hour that has one of the kinds and words. */
function newestLike(groups: readonly OpenGroup[], { likes }: SeenBout, now: Instant): OpenGroup | undefined {
  return groups
    .filter(
      ({ spans, isFirst, fixed, since }) =>
        spans.length > 0 && !isFirst && !fixed && since > now - HOUR_MS && since <= now,
    )
    .filter((group) => group.likes.some((like) => likes.includes(like)))
    .toSorted((one, other) => other.since - one.since)[0]
}

function newGroup({ likes, name }: SeenBout, now: Instant, id: string, isFirst: boolean): OpenGroup {
  const empty = { spans: [], fresh: [], dropped: [], isNew: true }
  return { id, since: now, name: name.slice(0, MAX_NAME), likes, ...empty, ...(isFirst && { isFirst }) }
}

/** Takes what was sent out of the entry, and marks what failed. Null: nothing of it is in the entry any more. */
export function afterSending(told: Told, ends: ReadonlyMap<string, 'sent' | 'over' | 'failed'>): Told | null {
  if (!told.groups.some(({ unsent }) => unsent && ends.has(unsent.number))) return null
  const groups = told.groups.flatMap((group): Group[] => {
    const { unsent, ...left } = group
    const end = unsent && ends.get(unsent.number)
    if (end === undefined || unsent === undefined) return [group]
    if (end === 'failed') return [{ ...left, unsent: { ...unsent, hasFailed: true } }]
    return end === 'over' ? [] : [left]
  })
  return { ...told, groups }
}

/** Keeps only the first slot, the last one and the number of tasks for the groups with the most tasks. */
function fitting(told: Told): Told {
  if (JSON.stringify(encodeTold(told)).length <= MAX_BYTES) return told
  const [largest] = told.groups
    .filter(({ fixed, spans }) => fixed === undefined && spans.some(({ sort }) => sort !== 'unread'))
    .toSorted((one, other) => other.spans.length - one.spans.length)
  if (largest === undefined) return { ...told, past: [] }
  const [unread = [], read = []] = [true, false].map((is) =>
    largest.spans.filter(({ sort }) => (sort === 'unread') === is),
  )
  const fixed = {
    first: Math.min(...read.map(({ first }) => first)),
    last: Math.max(...read.map(({ last }) => last)),
    tasks: new Set(read.map(({ task }) => task)).size,
  }
  const groups = told.groups.map((group) => (group === largest ? { ...group, spans: unread, fixed } : group))
  return fitting({ ...told, groups })
}

/** A time from which on slots must be read, so that each told bout is seen, and not further back than a check reads. */
export function readFrom(told: Told | null, since: Instant, { now, skewMs }: Pick<Seen, 'now' | 'skewMs'>) {
  const spans = [...(told?.groups ?? []).flatMap((group) => [...group.spans, ...(group.fixed ? [group.fixed] : [])])]
  const at = told === null ? since : Math.min(told.at, now + skewMs)
  return Math.max(Math.min(since, at, ...spans.map(({ first }) => first)), now - READ_MS)
}

const TEXTS = stored.textsOf((text) => typeof text === 'string', 'a list of texts')
/** A text for each span: its sort, its task and its ends in seconds. No name of a task has a space. */
const SPANS: stored.Member<readonly Span[]> = {
  encode: (spans) => spans.map(({ sort, task, first, last }) => `${sort} ${task} ${first / 1000} ${last / 1000}`),
  decode: (fields, name) =>
    TEXTS.decode(fields, name).map((span) => {
      const [kind, task = '', ...ends] = span.split(' ')
      const sort = SORTS.find((one) => one === kind)
      const [first = Number.NaN, last = Number.NaN] = ends.map((end) => Number(end) * 1000)
      if (sort === undefined || !Number.isSafeInteger(first) || !Number.isSafeInteger(last))
        throw stored.malformed(fields.what, fields.path + name, span, 'such as "work nightly 1790000000 1790000000"')
      return { task, sort, first, last }
    }),
}
const { TEXT, INSTANT, INTEGER, formOf, flag, maybe, nested } = stored
const TOLD = formOf<Told>({
  writeId: TEXT,
  filter: TEXT,
  at: INSTANT,
  groups: stored.listOf(
    formOf<Group>({
      id: TEXT,
      since: INSTANT,
      name: TEXT,
      likes: TEXTS,
      spans: SPANS,
      isFirst: flag('first', 'yes'),
      fixed: maybe(nested(formOf<NonNullable<Group['fixed']>>({ first: INSTANT, last: INSTANT, tasks: INTEGER }))),
      unsent: maybe(
        nested(formOf<NonNullable<Group['unsent']>>({ number: TEXT, at: INSTANT, hasFailed: flag('failed', 'yes') })),
      ),
    }),
  ),
  past: SPANS,
})

export function encodeTold(told: Told): stored.StoredDocument {
  return { schemaVersion: SCHEMA, ...TOLD.encode(told) }
}

/** Throws `shape` for the entry of a newer cronledger, and for a damaged one. */
export function decodeTold(document: unknown, name: string): Told {
  const fields = stored.fieldsOf(document, `what was told to ${name}`)
  if (stored.integer(fields, 'schemaVersion') > SCHEMA)
    throw new LedgerError(
      'shape',
      `a newer version of cronledger wrote what was told to ${name}, so nothing was told. Update cronledger on this host or in this image.`,
    )
  return TOLD.decode(fields)
}
