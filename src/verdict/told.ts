import { LedgerError } from '../core/errors.ts'
import {
  fieldsOf,
  flag,
  formOf,
  INSTANT,
  INTEGER,
  integer,
  listOf,
  type Member,
  malformed,
  maybe,
  nested,
  oneOf,
  type StoredDocument,
  TEXT,
  text,
} from '../core/row/stored-fields.ts'
import type { Instant } from '../core/types.ts'
import { isFinding, type JudgedSlot } from './judge.ts'
import { isDoneSlot, isOfDone, wordsOf } from './problems.ts'

// What was told to whom (`check --once NAME`). The ledger remembers bouts, and not problems: spans of the slots of a task.

/** Findings of slots whose work is not done, or of those that are done or run, or that the task could not be read. */
const SORTS = ['work', 'look', 'unread'] as const
type Sort = (typeof SORTS)[number]

/** Between two of its ends, a task has told findings of this sort. A span only grows. */
export interface Span {
  readonly task: string
  readonly sort: Sort
  readonly first: Instant
  readonly last: Instant
}

/** The findings of a task between two of its slots that are done. */
export interface Bout extends Span {
  /** The kinds and words. */
  readonly likes: ReadonlySet<string>
  /** What the oldest finding is, as a name of its group. */
  readonly name: string
  readonly hasMissed: boolean
  /** Of the sort `look`: a later slot is done without a finding. */
  readonly isPast: boolean
}

/** The bouts that were told together. */
interface Group {
  readonly id: string
  readonly since: Instant
  readonly name: string
  readonly likes: readonly string[]
  readonly spans: readonly Span[]
  /** It has what the first check found: nothing joins it. */
  readonly isFirst?: true
  /** There was no room for its spans. This one never grows, and a bout that begins in it is told. */
  readonly fixed?: { readonly first: Instant; readonly last: Instant; readonly tasks: number }
}

const MESSAGE_KINDS = ['digest', 'repaired'] as const

export interface Message {
  readonly number: string
  readonly at: Instant
  readonly kind: (typeof MESSAGE_KINDS)[number]
  readonly groups: readonly { readonly id: string; readonly name: string }[]
  /** Its command failed, so the next check sends it again. */
  readonly hasFailed?: true
}

export interface Told {
  /** Random, of the write, which is recognised by it if its answer was lost. */
  readonly writeId: string
  readonly filter: string
  /** When the last check began. */
  readonly at: Instant
  readonly groups: readonly Group[]
  /** Bouts of the sort `look` that were told and are over, and that a check still finds. */
  readonly past: readonly Span[]
  readonly unsent: readonly Message[]
}

const HOUR_MS = 3_600_000
/** A check reads no slots that are older than this. */
export const READ_MS = 31 * 24 * HOUR_MS
/** A message that was written this long ago is not being sent any more. */
export const SEND_MS = 10_000
const [MAX_BYTES, MAX_LIKES, MAX_NAME] = [100_000, 20, 120]
const SCHEMA = 1

/** Collects the bouts of the tasks. The slots of each must come newest first. `isWanted`: whether a finding is asked for. */
export function collectBouts(isWanted: (one: JudgedSlot) => boolean) {
  type Open = { -readonly [Name in keyof Bout]: Bout[Name] } & { likes: Set<string> }
  interface OfTask {
    readonly bouts: Open[]
    readonly open: Map<Sort, Open>
    readonly moving: Instant[]
    hasCalm: boolean
  }
  const tasks = new Map<string, OfTask>()
  return {
    add(one: JudgedSlot): void {
      const { task, slot, status } = one
      const own: OfTask = tasks.get(task) ?? { bouts: [], open: new Map(), moving: [], hasCalm: false }
      tasks.set(task, own)
      if (status === 'running' || status === 'waiting') own.moving.push(slot)
      if (isDoneSlot(one)) {
        own.open.delete('work')
        if (!isFinding(one)) {
          own.open.delete('look')
          // A slot that an operator has settled is unusual all the same.
          own.hasCalm ||= status === 'completed' && Object.values(one.remarks).every(({ isFinding }) => !isFinding)
        }
      }
      if (!isFinding(one) || !isWanted(one)) return
      const sort = isOfDone(one) ? 'look' : 'work'
      const { words, like } = wordsOf(one)
      let bout = own.open.get(sort)
      if (bout === undefined) {
        bout = {
          task,
          sort,
          first: slot,
          last: slot,
          likes: new Set(),
          name: '',
          hasMissed: false,
          isPast: sort === 'look' && own.hasCalm,
        }
        own.open.set(sort, bout)
        own.bouts.push(bout)
      }
      bout.first = slot
      if (bout.likes.size < MAX_LIKES) bout.likes.add(like.slice(0, MAX_NAME))
      bout.name = words === null ? one.kind : `${one.kind}: ${words}`
      bout.hasMissed ||= one.row === null
    },
    forget: (task: string): boolean => tasks.delete(task),
    boutsOf: (task: string): readonly Bout[] => tasks.get(task)?.bouts ?? [],
    isMoving: ({ task, first, last }: Span): boolean =>
      tasks.get(task)?.moving.some((slot) => first <= slot && slot <= last) === true,
  }
}

/** The bout of a task that cannot be read. */
export function unreadBout(task: string, now: Instant): Bout {
  const at = now - (now % 1_000)
  const name = 'cannot be read'
  return { task, sort: 'unread', first: at, last: at, likes: new Set([name]), name, hasMissed: false, isPast: false }
}

/** What a check has seen. */
export interface Seen {
  readonly now: Instant
  /** From when on slots were read. */
  readonly from: Instant
  readonly skewMs: number
  readonly bouts: readonly Bout[]
  /** The tasks that were read to the end. */
  readonly whole: ReadonlySet<string>
  /** Whether the check covers the task still. */
  covers(task: string): boolean
  isMoving(span: Span): boolean
}

export interface GroupNews {
  readonly group: Group
  readonly state: 'new' | 'joined' | 'over'
  /** What is new, or over. Of a message that was not sent, all of its group. */
  readonly spans: readonly Span[]
  /** Tasks that the check does not cover any more. */
  readonly dropped: readonly string[]
}

export interface Decision {
  /** What is to be remembered, without the messages of this decision. */
  readonly told: Told
  readonly open: readonly GroupNews[]
  readonly over: readonly GroupNews[]
  /** Whether something is new or has joined, and not only told again. */
  readonly hasNews: boolean
  /** The tasks of which a weaker read is not enough: a row may have come late. */
  readonly doubtful: ReadonlySet<string>
}

interface OpenGroup extends Group {
  spans: Span[]
  likes: string[]
  /** The bouts that are new in this check. */
  fresh: Span[]
  gone: Span[]
  dropped: string[]
  isNew: boolean
}

/** Decides what is to be told. `before` is null in the first check of a name. */
export function decideTold(before: Told | null, filter: string, seen: Seen, newId: () => string): Decision {
  const { now, from, whole, covers } = seen
  const latest = now + seen.skewMs
  const doubtful = new Set<string>()
  const groups: OpenGroup[] = (before?.groups ?? []).map((group) => ({
    ...group,
    spans: group.spans.filter(({ task }) => covers(task)),
    likes: [...group.likes],
    fresh: [],
    gone: [],
    isNew: false,
    since: Math.min(group.since, latest),
    dropped: group.spans.filter(({ task }) => !covers(task)).map(({ task }) => task),
  }))
  let past = (before?.past ?? []).filter(({ task, last }) => covers(task) && last >= from)
  const kept = new Set<Span>()
  const looked = new Set<Span>()
  /** Spans with something new. */
  const young = new Set<Span>()
  for (const bout of seen.bouts.toSorted((one, other) => one.first - other.first)) {
    let isTold = groups.some(({ fixed }) => isIn(bout, fixed))
    /** What is new in this check does not grow by what was told before. */
    const growAll = (isFresh: boolean) => {
      for (const group of groups)
        group.spans = group.spans.map((span) => {
          if (young.has(span) !== isFresh || !continues(bout, span)) return span
          isTold = true
          const grown = grow(span, bout)
          for (const set of [kept, looked, young]) if (set.delete(span)) set.add(grown)
          if (isFresh) group.fresh.push(bout)
          else (bout.isPast ? looked : kept).add(grown)
          return grown
        })
    }
    growAll(false)
    past = past.map((span) => {
      if (bout.sort !== 'look' || bout.task !== span.task || !overlaps(bout, span)) return span
      isTold = true
      return grow(span, bout)
    })
    if (!isTold) growAll(true)
    if (isTold) continue
    if (bout.hasMissed) doubtful.add(bout.task)
    const group = before === null ? groups[0] : newestLike(groups, bout, now)
    const span = { task: bout.task, sort: bout.sort, first: bout.first, last: bout.last }
    if (group === undefined) groups.push(groupOf(bout, span, now, newId(), before === null))
    young.add(group === undefined ? span : join(group, bout, span))
  }
  for (const group of groups) {
    const isOver = (span: Span) => {
      if (young.has(span) || kept.has(span) || !(whole.has(span.task) || span.sort === 'unread')) return false
      if (span.sort === 'unread') return whole.has(span.task)
      if (looked.has(span)) return true
      doubtful.add(span.task)
      return !seen.isMoving(span)
    }
    group.gone = group.spans.filter(isOver)
    past.push(...group.gone.filter((span) => looked.has(span)))
    group.spans = group.spans.filter((span) => !group.gone.includes(span))
  }
  return withMessages(before, { filter, at: now, past }, groups, seen, latest, doubtful)
}

/** Takes the messages that nobody is sending together with what is new and over. */
function withMessages(
  before: Told | null,
  told: Pick<Told, 'filter' | 'at' | 'past'>,
  groups: readonly OpenGroup[],
  { now, bouts, whole, covers }: Seen,
  latest: Instant,
  doubtful: ReadonlySet<string>,
): Decision {
  const isDue = ({ at, hasFailed }: Message) => hasFailed || now - Math.min(at, latest) > SEND_MS
  const due = (before?.unsent ?? []).filter(isDue)
  const unsent = (before?.unsent ?? []).filter((one) => !isDue(one))
  const held = new Set(unsent.flatMap((one) => one.groups.map(({ id }) => id)))
  const again = new Set(due.flatMap(({ kind, groups: some }) => (kind === 'digest' ? some.map(({ id }) => id) : [])))
  const isRead = bouts.every(({ sort, task }) => sort !== 'unread' || !covers(task) || whole.has(task))
  const isOpen = ({ spans, fixed }: OpenGroup) =>
    spans.length > 0 || (fixed !== undefined && (!isRead || bouts.some((bout) => isIn(bout, fixed))))
  const stays = (group: OpenGroup) => isOpen(group) || held.has(group.id)
  const newsOf = (group: OpenGroup, state: GroupNews['state'], spans: readonly Span[]): GroupNews => ({
    group: stored(group),
    state,
    spans,
    dropped: group.dropped,
  })
  const isTold = ({ id, fresh }: OpenGroup) => fresh.length > 0 || again.has(id)
  const open = groups
    .filter((group) => isOpen(group) && isTold(group))
    .map((group) =>
      newsOf(
        group,
        group.isNew || again.has(group.id) ? 'new' : 'joined',
        again.has(group.id) ? group.spans : group.fresh,
      ),
    )
  const over = groups.filter((group) => !stays(group)).map((group) => newsOf(group, 'over', group.gone))
  const known = new Set([...open, ...over].map(({ group }) => group.id))
  const repeated = due
    .flatMap(({ groups: some }) => some)
    .filter(({ id }) => !known.has(id) && !groups.some((one) => one.id === id))
  return {
    told: fitting({ ...told, writeId: '', groups: groups.filter(stays).map(stored), unsent }),
    open,
    over: [
      ...over,
      ...[...new Map(repeated.map((one) => [one.id, one])).values()].map(
        ({ id, name }): GroupNews => ({
          group: { id, name, since: now, likes: [], spans: [] },
          state: 'over',
          spans: [],
          dropped: [],
        }),
      ),
    ],
    hasNews: groups.some(({ fresh }) => fresh.length > 0),
    doubtful,
  }
}

function stored({ id, since, name, likes, spans, isFirst, fixed }: OpenGroup): Group {
  return { id, since, name, likes, spans, ...(isFirst && { isFirst }), ...(fixed && { fixed }) }
}

function overlaps(one: Span, other: Span): boolean {
  return one.first <= other.last && other.first <= one.last
}

/** It overlaps a told span of its task and sort, or begins less than an hour after it. */
function continues(bout: Bout, span: Span): boolean {
  if (bout.task !== span.task || bout.sort !== span.sort) return false
  return bout.sort === 'unread' || (bout.first < span.last + HOUR_MS && span.first <= bout.last)
}

function isIn({ sort, first }: Span, fixed: Group['fixed']): boolean {
  return fixed !== undefined && sort !== 'unread' && fixed.first <= first && first <= fixed.last
}

function grow(span: Span, { first, last }: Span): Span {
  return { ...span, first: Math.min(span.first, first), last: Math.max(span.last, last) }
}

/** Returns the newest group of the last hour that has one of the kinds and words. */
function newestLike(groups: readonly OpenGroup[], { likes }: Bout, now: Instant): OpenGroup | undefined {
  return groups
    .filter(({ isFirst, fixed, since }) => !isFirst && !fixed && since > now - HOUR_MS && since <= now)
    .filter((group) => group.likes.some((like) => likes.has(like)))
    .toSorted((one, other) => other.since - one.since)[0]
}

function groupOf({ likes, name }: Bout, span: Span, now: Instant, id: string, isFirst: boolean): OpenGroup {
  return {
    id,
    since: now,
    name: name.slice(0, MAX_NAME),
    likes: [...likes],
    spans: [span],
    fresh: [span],
    gone: [],
    dropped: [],
    isNew: true,
    ...(isFirst && { isFirst }),
  }
}

/** Returns the span of the task: a group has one for each task and sort. */
function join(group: OpenGroup, { likes }: Bout, span: Span): Span {
  const own = group.spans.find(({ task, sort }) => task === span.task && sort === span.sort)
  const joined = own === undefined ? span : grow(own, span)
  group.spans = [...group.spans.filter((one) => one !== own), joined]
  group.fresh.push(span)
  group.likes = [...new Set([...group.likes, ...likes])].slice(0, MAX_LIKES)
  return joined
}

/** Of the groups with the most tasks, only the first slot, the last one and the number of tasks are kept. */
function fitting(told: Told): Told {
  if (JSON.stringify(encodeTold(told)).length <= MAX_BYTES) return told
  const [largest] = told.groups
    .filter(({ fixed }) => fixed === undefined)
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

/** One line for each span: its sort, its task and its ends in seconds. No name of a task has a space. */
const SPANS: Member<readonly Span[]> = {
  encode: (spans) =>
    spans.map(({ sort, task, first, last }) => `${sort} ${task} ${first / 1000} ${last / 1000}`).join('\n'),
  decode(fields, name) {
    return linesIn(text(fields, name)).map((line) => {
      const [kind, task = '', ...ends] = line.split(' ')
      const sort = SORTS.find((one) => one === kind)
      const [first = Number.NaN, last = Number.NaN] = ends.map((end) => Number(end) * 1000)
      if (sort === undefined || !Number.isSafeInteger(first) || !Number.isSafeInteger(last))
        throw malformed(fields.what, fields.path + name, line, 'such as "work nightly 1790000000 1790000000"')
      return { task, sort, first, last }
    })
  },
}
const LINES: Member<readonly string[]> = {
  encode: (lines) => lines.join('\n'),
  decode: (fields, name) => linesIn(text(fields, name)),
}

function linesIn(lines: string): readonly string[] {
  return lines === '' ? [] : lines.split('\n')
}

const GROUP = formOf<Group>({
  id: TEXT,
  since: INSTANT,
  name: TEXT,
  likes: LINES,
  spans: SPANS,
  isFirst: flag('first', 'yes'),
  fixed: maybe(nested(formOf<NonNullable<Group['fixed']>>({ first: INSTANT, last: INSTANT, tasks: INTEGER }))),
})
const MESSAGE = formOf<Message>({
  number: TEXT,
  at: INSTANT,
  kind: oneOf(MESSAGE_KINDS),
  groups: listOf(formOf<Message['groups'][number]>({ id: TEXT, name: TEXT })),
  hasFailed: flag('failed', 'yes'),
})
const TOLD = formOf<Told>({
  writeId: TEXT,
  filter: TEXT,
  at: INSTANT,
  groups: listOf(GROUP),
  past: SPANS,
  unsent: listOf(MESSAGE),
})

export function encodeTold(told: Told): StoredDocument {
  return { schemaVersion: SCHEMA, ...TOLD.encode(told) }
}

/** Throws `shape` for the entry of a newer cronledger, and for a damaged one. */
export function decodeTold(document: unknown, name: string): Told {
  const fields = fieldsOf(document, `what was told to ${name}`)
  if (integer(fields, 'schemaVersion') > SCHEMA)
    throw new LedgerError(
      'shape',
      `a newer version of cronledger wrote what was told to ${name}, so nothing was told. Update cronledger on this host or in this image.`,
    )
  return TOLD.decode(fields)
}
