import { formatInstant } from '../../core/instant.ts'
import { defined, groupedBy } from '../../core/objects.ts'
import type { Instant } from '../../core/types.ts'
import type { FindingKind } from '../../verdict/judge.ts'
import { isOfDone, type Problem, type ProblemTask } from '../../verdict/problems.ts'
import { briefTime } from '../local-time.ts'
import { brokenLines, cut, painted, RED, type Screen, widthOf, YELLOW } from '../table.ts'
import { counted, printable } from '../text.ts'
import { findingDetail, whyFound } from './finding.ts'

/** Returns `failed: connection to db-7 refused (and 3 like it)`, or for a problem without words its kind. Safe to show. */
export function problemName({ kind, words, alike }: Problem, room = Number.POSITIVE_INFINITY): string {
  const more = alike === 0 ? '' : ` (and ${alike} like it)`
  const text = words === null ? kind : `${kind}: ${words}`
  return cut(printable(text), Math.max(SHORTEST, room - more.length)) + more
}

/** Returns `22 tasks`, `44 slots`, `02:10 to 04:15 JST` and `still: 7 tasks`, or for one task its name. Safe to show. */
function problemFacts(problem: Problem, now: Instant): readonly string[] {
  const { tasks, slots, from, to, zone, still } = problem
  const [only] = tasks
  const isOne = tasks.length === 1
  return [
    isOne && only !== undefined ? printable(only.task) : counted(tasks.length, 'task'),
    ...(slots > 1 ? [counted(slots, 'slot')] : []),
    briefTime(from, to, zone, now),
    ...(still > 0 && !(isOne && still === 1) ? [`still: ${counted(still, 'task')}`] : []),
  ]
}

const SHORTEST = 24

/** Returns the problem on one line, with the beginning of long words, as the title of a message. Safe to show. */
export function problemTitle(problem: Problem, now: Instant): string {
  return [problemName(problem, 100), ...problemFacts(problem, now)].join(' · ')
}

/** What a screen of 24 lines or a message has room for: some lines for each of a few problems, or one for each of many. */
const MOST_LINES = 30
const MOST_ROWS = 5
const MOST_DONE = 10
const SINCE_DONE = 'since then done'

/**
 * Returns each problem with its tasks by team. `isOfOwner`: the reader has asked for an owner, so one that all tasks have is not
 * said again.
 */
export function problemLines(problems: readonly Problem[], screen: Screen, now: Instant, isOfOwner = false) {
  const most =
    screen.columns === null
      ? Number.POSITIVE_INFINITY
      : Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_LINES / problems.length) - 1))
  const owners = new Set(problems.flatMap(({ tasks, waiting }) => [...tasks, ...waiting].map(({ owner }) => owner)))
  const isKnown = owners.size === 1 && (isOfOwner || owners.has(undefined))
  const titleOf = (problem: Problem) => titleLines(problem, screen, now, problems.length <= 3)
  const linesOf = (problem: Problem) => [
    ...titleOf(problem),
    ...taskLines(problem, screen, { most, isKnown, isAlone: problems.length === 1 }),
  ]
  const done = problems.filter(({ still }) => still === 0)
  const isShort = screen.columns !== null && done.length > MOST_DONE
  const left = isShort ? done.slice(MOST_DONE) : []
  const names = new Set(left.flatMap(({ tasks, waiting }) => [...tasks, ...waiting].map(({ task }) => task)))
  return [
    ...problems.filter(({ still }) => still > 0).flatMap(linesOf),
    ...(done.length > 0 && done.length < problems.length ? [`${SINCE_DONE}:`] : []),
    ...done.slice(0, done.length - left.length).flatMap(isShort ? titleOf : linesOf),
    ...(left.length > 0
      ? [namesLine(`and ${counted(left.length, 'more problem')}: `, [...names, '…'], screen.columns)]
      : []),
  ]
}

const COLORS: Readonly<Partial<Record<FindingKind, number>>> = { unusual: YELLOW, late: YELLOW }

function titleLines(problem: Problem, { columns, color }: Screen, now: Instant, isWhole: boolean): readonly string[] {
  const facts = problemFacts(problem, now).join(' · ')
  const room = columns === null ? Number.POSITIVE_INFINITY : columns - widthOf([facts]) - SEPARATOR.length
  const short = problemName(problem, room)
  // A title that needs two lines has room for more words.
  const name = isWhole ? problemName(problem) : widthOf([short]) > room ? problemName(problem, columns ?? room) : short
  const lines = brokenLines(`${name}${SEPARATOR}${facts}`.split(' '), columns).map((line) => cutTo(line, columns))
  const [first = '', ...others] = lines
  const kind = problem.kind
  return [painted(kind, color ? (COLORS[kind] ?? RED) : undefined) + first.slice(kind.length), ...others]
}

const SEPARATOR = ' · '

interface TaskLines {
  readonly most: number
  readonly isKnown: boolean
  readonly isAlone: boolean
}

function taskLines({ tasks, waiting }: Problem, { columns }: Screen, { most, isKnown, isAlone }: TaskLines) {
  const [only] = tasks
  const rows = teamRows(tasks, most, isKnown, columns === null ? Number.POSITIVE_INFINITY : Math.floor(columns / 2))
  const lines =
    tasks.length === 1 && only !== undefined
      ? detailLines(only, columns, isKnown, isAlone)
      : rows.map(({ label, names }) => namesLine(label, names, columns))
  const below = counted(
    waiting.reduce((sum, { slots }) => sum + slots.length, 0),
    'slot',
  )
  const names = waiting.map(({ task }) => task)
  return [
    ...lines,
    ...(waiting.length === 0
      ? []
      : [namesLine(`waiting for this: ${counted(names.length, 'task')} · ${below}: `, names, columns)]),
  ]
}

function detailLines(
  { newest, owner, from, to }: ProblemTask,
  columns: number | null,
  isKnown: boolean,
  isAlone: boolean,
) {
  const team = owner === undefined || isKnown ? '' : `${owner}: `
  // A screen has room for the reason.
  const why = isOfDone(newest) && columns !== null && !isAlone ? whyFound(newest) : null
  const text = `${team}${from === to ? '' : 'latest: '}${why ?? findingDetail(newest)}`
  const words = printable(text).split(' ')
  return (isAlone ? brokenLines(words, columns, INDENT) : [INDENT + words.join(' ')]).map((line) =>
    cutTo(line, columns),
  )
}

const INDENT = '  '

/** Returns a row for each team, that with the most tasks first, and last one for all other teams. */
function teamRows(tasks: readonly ProblemTask[], most: number, isKnown: boolean, room: number) {
  if (isKnown) return [{ label: '', names: tasks.map(({ task }) => task) }]
  const teams = teamsOf(tasks)
  const shown = teams.length > most ? teams.slice(0, most - 1) : teams
  const rest = teams.slice(shown.length)
  const left = rest.flatMap(([, own]) => own.map(({ task }) => task))
  return [
    ...shown.map(([owner, own]) => ({
      label: `${cut(printable(owner ?? 'no owner'), room)} · ${counted(own.length, 'task')}: `,
      names: own.map(({ task }) => task),
    })),
    ...(rest.length === 0
      ? []
      : [
          {
            label:
              `${shown.length === 0 ? '' : 'other '}${counted(rest.length, 'team')} · ${counted(left.length, 'task')}: `.replace(
                /^other (\d+)/,
                '$1 other',
              ),
            names: left,
          },
        ]),
  ]
}

/** The team with the most tasks comes first, and the tasks without an owner last. */
function teamsOf(tasks: readonly ProblemTask[]) {
  return [...groupedBy(tasks, ({ owner }) => owner)].sort(
    ([one, own], [other, others]) =>
      Number(one === undefined) - Number(other === undefined) || others.length - own.length,
  )
}

/** As many names as the screen has room for. The last sign of a line shows that there are more. */
function namesLine(label: string, names: readonly string[], columns: number | null): string {
  return cutTo(INDENT + printable(`${label}${names.join(', ')}`), columns)
}

function cutTo(line: string, columns: number | null): string {
  return columns === null ? line : cut(line, columns)
}

const MOST_TEAMS = 3

/** Returns `Payments 11 tasks, Data 8 tasks, 2 more teams, no owner 3 tasks`, or the one team. Null: no task has an owner. */
export function teamsText({ tasks }: Problem): string | null {
  const teams = teamsOf(tasks)
  const named = teams.flatMap(([owner, own]) => (owner === undefined ? [] : [[owner, own.length] as const]))
  const [first] = named
  if (first === undefined) return null
  const none = tasks.filter(({ owner }) => owner === undefined).length
  if (teams.length === 1) return printable(first[0])
  return printable(
    [
      ...named.slice(0, MOST_TEAMS).map(([owner, count]) => `${owner} ${counted(count, 'task')}`),
      ...(named.length > MOST_TEAMS ? [counted(named.length - MOST_TEAMS, 'more team')] : []),
      ...(none === 0 ? [] : [`no owner ${counted(none, 'task')}`]),
    ].join(', '),
  )
}

export function problemJson(problem: Problem, now: Instant, most = Number.POSITIVE_INFINITY) {
  const { kind, words, alike, tasks, waiting, from, to, zone, slots, still } = problem
  const listed = [...tasks, ...waiting]
  return {
    title: problemTitle(problem, now),
    kind,
    ...(words !== null && { words }),
    ...(alike > 0 && { alike }),
    from: formatInstant(from),
    to: formatInstant(to),
    zone,
    slots,
    still,
    owners: Object.fromEntries(
      teamsOf(tasks)
        .slice(0, most)
        .map(([owner = '', own]) => [owner, own.length]),
    ),
    tasks: listed.slice(0, most).map((own) => ({
      task: own.task,
      ...defined({ owner: own.owner, waitsFor: own.waitsFor }),
      slots: own.slots.length,
      from: formatInstant(own.from),
      to: formatInstant(own.to),
      still: own.isStill,
    })),
    ...(listed.length > most && { moreTasks: listed.length - most }),
  }
}
