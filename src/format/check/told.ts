import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { groupedBy } from '../../core/objects.ts'
import type { Instant } from '../../core/types.ts'
import { isOfDone, type Problem, type Streak } from '../../verdict/problems.ts'
import type { Decision, GroupNews, Span } from '../../verdict/told.ts'
import type { Screen } from '../table.ts'
import { counted, listed, printable } from '../text.ts'
import { type Digest, type DigestContext, digestTitle, digestWith, fitting, MAX_LINES } from './digest.ts'
import { problemLines } from './problems.ts'

export interface Telling {
  readonly decision: Decision
  problems(isWanted: (streak: Streak) => boolean): readonly Problem[]
  ownerOf(task: string): string | undefined
  /** From when to when no check has looked. Null: each slot was looked at. */
  readonly gap: string | null
}

/** The problems of some spans, and the tasks without a finding now: they run, or cannot be read. */
function foundIn(spans: readonly Span[], { problems }: Telling) {
  const ofTasks = groupedBy(spans, ({ task }) => task)
  const found = problems(({ task, newest, slots }) =>
    (ofTasks.get(task) ?? []).some(
      ({ sort, first, last }) =>
        (sort === 'look') === isOfDone(newest) && slots.some((slot) => first <= slot && slot <= last),
    ),
  )
  const named = new Set(found.flatMap(({ tasks, waiting }) => [...tasks, ...waiting].map(({ task }) => task)))
  return { found, others: [...ofTasks.keys()].filter((task) => !named.has(task)).sort() }
}

function othersText(others: readonly string[]): string {
  return printable(`running again, or cannot be read: ${others.join(', ')}`)
}

function titleOf({ group, spans, state }: GroupNews, telling: Telling, now: Instant): string {
  const { found, others } = foundIn(spans, telling)
  if (state !== 'over' && found.length > 0) return digestTitle(found, now)
  const tasks = new Set(spans.map(({ task }) => task)).size
  const count = tasks > 0 ? ` · ${counted(tasks, 'task')}` : ''
  if (state === 'over') return `over: ${printable(group.name)}${count}`
  return others.length > 0 ? `${printable(group.name)}${count}` : printable(group.name)
}

function groupJson(news: GroupNews, telling: Telling, now: Instant, most: number) {
  const { group, state, spans, dropped } = news
  const tasks = [...new Set(spans.map(({ task }) => task))].sort()
  return {
    id: group.id,
    change: state,
    title: titleOf(news, telling, now),
    since: formatInstant(group.since),
    count: tasks.length + (state === 'over' ? 0 : (group.fixed?.tasks ?? 0)),
    tasks: tasks.slice(0, most),
    owners: ownersOf(tasks, telling, most),
    ...(dropped.length > 0 && { noLongerChecked: dropped.slice(0, most) }),
  }
}

function ownersOf(tasks: readonly string[], { ownerOf }: Telling, most: number) {
  const owners = [...groupedBy(tasks, (task) => ownerOf(task) ?? '')].map(
    ([owner, own]) => [owner, own.length] as const,
  )
  return Object.fromEntries(owners.sort(([, one], [, other]) => other - one).slice(0, most))
}

export function openMessage(number: string, telling: Telling, context: DigestContext): Digest {
  const { open } = telling.decision
  const { found, others } = foundIn(
    open.flatMap(({ spans }) => spans),
    telling,
  )
  return fitting((most) => {
    const digest = digestWith(found, context, most)
    return {
      ...digest,
      ...(found.length === 0 && { title: open[0] === undefined ? '' : titleOf(open[0], telling, context.now) }),
      number,
      groups: open.map((news) => groupJson(news, telling, context.now, most)),
      message: [
        ...(telling.gap === null ? [] : [telling.gap]),
        digest.message,
        ...(others.length > 0 ? [othersText(others.slice(0, most)).slice(0, 1_000)] : []),
      ]
        .filter(Boolean)
        .join('\n'),
    }
  })
}

export function overMessage(number: string, telling: Telling, now: Instant): Digest {
  const { over } = telling.decision
  const [first, ...others] = over
  const title = first === undefined ? '' : titleOf(first, telling, now)
  const tasks = new Set(over.flatMap(({ spans }) => spans.map(({ task }) => task)))
  const lines = overLines(telling, now)
  return fitting((most) => ({
    title: `${title}${others.length === 0 ? '' : ` · and ${others.length} more`}`,
    time: formatInstant(now),
    level: 'info',
    event: 'repaired',
    number,
    tasks: tasks.size,
    problems: [],
    groups: over.map((news) => groupJson(news, telling, now, most)),
    message: lines.slice(0, MAX_LINES).join('\n'),
  }))
}

function overLines(telling: Telling, now: Instant): readonly string[] {
  return telling.decision.over.map((news) => {
    const { group, spans, dropped } = news
    const names = [...new Set(spans.map(({ task }) => task))].sort()
    const tasks = names.length > 0 ? `: ${listed(names.slice(0, 20), 'and')}${names.length > 20 ? ' …' : ''}` : ''
    const gone = dropped.length > 0 ? `. No longer checked: ${dropped.slice(0, 20).join(', ')}` : ''
    const age = group.since < now ? `, ${elapsed(now - group.since)} after it was told` : ''
    return printable(`${titleOf(news, telling, now)}${tasks}${age}${gone}`)
  })
}

export function toldLines(telling: Telling, screen: Screen, now: Instant): readonly string[] {
  const { open } = telling.decision
  const parts = (['new', 'joined'] as const).flatMap((state) => {
    const spans = open.filter((news) => news.state === state).flatMap((news) => news.spans)
    const { found, others } = foundIn(spans, telling)
    if (spans.length === 0) return []
    return [
      `${open.some(({ group }) => group.isFirst) ? 'open at the first check' : state}:`,
      ...problemLines(found, screen, now),
      ...(others.length > 0 ? [`  ${othersText(others)}`] : []),
    ]
  })
  return [...(telling.gap === null ? [] : [telling.gap]), ...parts, ...overLines(telling, now)]
}
