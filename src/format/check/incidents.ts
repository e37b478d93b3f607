import { groupedBy } from '../../core/objects.ts'
import { commonZone } from '../../core/schedule/zone.ts'
import type { Instant } from '../../core/types.ts'
import type { Incident, IncidentTask } from '../../verdict/incidents.ts'
import { CAUSES, type IncidentCause, type TaskFinding } from '../../verdict/judge.ts'
import { briefTime, spanTime } from '../local-time.ts'
import {
  alignedLines,
  brokenLines,
  cut,
  lineWidthOf,
  painted,
  RED,
  type Screen,
  widthOf,
  widthsOf,
  YELLOW,
} from '../table.ts'
import { counted, printable } from '../text.ts'
import { countsText, findingDetail, whyFound } from './finding.ts'

const COLORS: Readonly<Record<IncidentCause, number>> = {
  broken: RED,
  unreadable: RED,
  unusual: YELLOW,
  doubtful: YELLOW,
  late: YELLOW,
}

export const INCIDENT_NAMES: Readonly<Record<IncidentCause, string>> = {
  broken: 'Outage',
  unreadable: 'Unreadable records',
  unusual: 'Unusual results',
  doubtful: 'Slots that may not have been due',
  late: 'Late starts',
}

/** Returns `Outage 11-29 02:10 to 04:20 JST · 18 tasks · 59 slots`, or for one task `pay/capture: 3 failed, …`. */
export function incidentTitle(incident: Incident, now: Instant): string {
  const { cause, from, to, zone, tasks, slots } = incident
  if (isShared(incident))
    return `${INCIDENT_NAMES[cause]} ${spanTime(from, to, zone, now)} · ${tasks.length} tasks · ${slots} slots`
  return tasks
    .map((own) => {
      const { task, counts, owner } = own
      return `${task}: ${countsText(Object.fromEntries(counts))}, ${spanOf(own, now)}${owner === undefined ? '' : ` (${owner})`}`
    })
    .join()
}

/** Returns what most failures of a shared incident say, and how many tasks each team has. Not yet safe to show. */
export function incidentFacts(incident: Incident): readonly string[] {
  if (!isShared(incident)) return []
  const owners = ownerCounts(incident).map((parts) => parts.join(' ').trim())
  return [
    ...(incident.says === null ? [] : [incident.says]),
    ...(owners.length === 0 ? [] : [`Owners: ${owners.join(', ')}`]),
  ]
}

/** A screen has room for so many owners. */
const MOST_OWNERS = 4

/** Returns `Payments` and `11`, the most first, then `2 others` and `none`. Empty: no task has an owner. */
export function ownerCounts({ owners }: Incident): readonly (readonly [owner: string, tasks: string])[] {
  const named = [...owners].filter(([owner]) => owner !== '')
  if (named.length === 0) return []
  const none = owners.get('')
  return [
    ...named.slice(0, MOST_OWNERS).map(([owner, count]) => [owner, `${count}`] as const),
    ...(named.length > MOST_OWNERS ? [[`${named.length - MOST_OWNERS} others`, ''] as const] : []),
    ...(none === undefined ? [] : [['none', `${none}`] as const]),
  ]
}

/** Each slot has the zone of its own schedule. */
function spanOf({ from, fromZone, to, newest }: IncidentTask, now: Instant): string {
  return spanTime(from, to, newest.schedule.zone, now, fromZone)
}

/** Up to so many tasks have a line each. With more, those of an owner stand together, and tasks with the same problems share a line. */
const MOST_ROWS = 20
const OTHERS = 'Other problems'
const BOLD = 1
const [ROW_INDENT, REASON_INDENT] = ['    ', '      ']

interface FoundTask {
  readonly incident: Incident
  readonly own: IncidentTask
}

/** Tasks of one owner with the same problems, in a row of their own. */
interface Alike {
  readonly first: FoundTask
  readonly tasks: readonly IncidentTask[]
}

/**
 * An incident of several tasks has a title and a line for each task. All others come last, with their newest slot.
 * `isOfOwner`: the reader has asked for an owner, so one that all tasks have is not said again.
 */
export function incidentLines(
  incidents: readonly Incident[],
  screen: Screen,
  now: Instant,
  isOfOwner = false,
): readonly string[] {
  const rows = incidents.flatMap((incident) => incident.tasks.map((own) => ({ incident, own })))
  const isKnown = isOfOwner && new Set(rows.map(({ own }) => own.owner)).size === 1
  if (rows.length > MOST_ROWS) return foldedLines(rows, screen, now)
  const indent = incidents.some(isShared) ? '  ' : ''
  const cells = rows.map((row) => cellsOf(row, now).slice(0, isKnown ? OWNER_CELL : undefined))
  const lines = alignedLines(cells, narrower(screen, indent), [3, 0, 1])
  return rows.flatMap(({ incident, own }, index) => {
    const line = `${indent}${lines[index]}`
    const before = rows[index - 1]?.incident
    const space = before === undefined ? [] : ['']
    if (!isShared(incident)) {
      const isFirst = indent !== '' && before !== undefined && isShared(before)
      const detail =
        rows.length === 1
          ? wholeLines(latest(own, findingDetail(own.newest)), screen)
          : [detailLine(own, `${indent}  `, screen)]
      return [...(isFirst ? [...space, OTHERS] : []), line, ...detail]
    }
    const facts = incidentFacts(isKnown ? { ...incident, owners: new Map() } : incident)
    return [
      ...(incident === before
        ? []
        : [...space, titleLine(incident, screen, now), ...facts.flatMap((text) => wholeLines(text, screen))]),
      line,
      ...failureLines({ incident, own }, `${indent}  `, screen),
    ]
  })
}

/** As above, owner by owner, those with the gravest problems first. */
function foldedLines(found: readonly FoundTask[], screen: Screen, now: Instant): readonly string[] {
  const parts = groupedBy(found, ({ incident }) => (isShared(incident) ? incident : null))
  return [...parts].flatMap(([incident, ofPart], index) => {
    const owners = [...groupedBy(ofPart, ({ own }) => own.owner).values()].sort(byGravity)
    const rows = owners.map(alikeOf)
    const lines = alignedRows(rows.flat(), narrower(screen, ROW_INDENT), now).values()
    return [
      ...(index === 0 ? [] : ['']),
      incident === null ? OTHERS : titleLine(incident, screen, now),
      ...(incident?.says ? wholeLines(incident.says, screen) : []),
      ...owners.flatMap((ofOwner, place) => [
        ownerLine(ofOwner, screen),
        ...(rows[place] ?? []).flatMap((row) => [`${ROW_INDENT}${lines.next().value}`, ...reasonLines(row, screen)]),
      ]),
    ]
  })
}

function byGravity(one: readonly FoundTask[], other: readonly FoundTask[]): number {
  const gravest = (found: readonly FoundTask[]) =>
    Math.min(...found.map(({ incident }) => CAUSES.indexOf(incident.cause)))
  return gravest(one) - gravest(other) || slotsOf(other) - slotsOf(one)
}

function slotsOf(found: readonly FoundTask[]): number {
  return found.reduce((sum, { own }) => sum + countOf(own), 0)
}

function countOf({ counts }: IncidentTask): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

function ownerLine(found: readonly FoundTask[], { columns, color }: Screen): string {
  const size = ` · ${counted(found.length, 'task')} · ${counted(slotsOf(found), 'slot')}`
  const owner = printable(found[0]?.own.owner ?? 'No owner')
  const shown = columns === null ? owner : cut(owner, Math.max(1, columns - size.length - 2))
  return `  ${painted(shown, color ? BOLD : undefined)}${size}`
}

/** Returns the rows of an owner, those of the most tasks first. */
function alikeOf(found: readonly FoundTask[]): readonly Alike[] {
  const likeness = ({ incident, own: { counts, blockedBy, newest } }: FoundTask) =>
    JSON.stringify([incident.cause, [...counts.keys()], blockedBy, isOutage(incident) ? null : whyFound(newest)])
  return [...groupedBy(found, likeness).values()]
    .flatMap(([first, ...others]) =>
      first === undefined ? [] : { first, tasks: [first, ...others].map(({ own }) => own) },
    )
    .sort((one, other) => other.tasks.length - one.tasks.length)
}

/** Returns `4 tasks  1 to 3 failed each  02:10 to 03:40  pay/capture, pay/refund, …`, with as many names as the screen has room for. */
function alignedRows(rows: readonly Alike[], screen: Screen, now: Instant): readonly string[] {
  const cells = rows.map((row) => [
    { text: counted(row.tasks.length, 'task') },
    { text: problemsOfAll(row), color: COLORS[row.first.incident.cause] },
    { text: whenOf(row, now) },
  ])
  const room = (screen.columns ?? Number.POSITIVE_INFINITY) - lineWidthOf([...widthsOf(cells), 0])
  const named = rows.map(({ tasks }, index) => [...(cells[index] ?? []), { text: namesWithin(tasks, room) }])
  return alignedLines(named, screen, [3, 1])
}

function problemsOfAll({ first: { own }, tasks }: Alike): string {
  const each = [...own.counts.keys()].map((kind) => {
    const numbers = tasks.map(({ counts }) => counts.get(kind) ?? 0)
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
    return `${least === most ? '' : `${least} to `}${most} ${kind}`
  })
  return each.join(', ') + (tasks.length > 1 ? ' each' : '')
}

function namesWithin(tasks: readonly IncidentTask[], room: number): string {
  let shown = ''
  for (const [index, { task }] of tasks.entries()) {
    const longer = shown === '' ? printable(task) : `${shown}, ${printable(task)}`
    const isLast = index === tasks.length - 1
    if (shown !== '' && room !== Number.POSITIVE_INFINITY && widthOf([isLast ? longer : `${longer}, …`]) > room)
      return `${shown}, …`
    shown = longer
  }
  return shown
}

/** The date and the zone of a shared incident are in its title. */
function whenOf({ first: { incident, own }, tasks }: Alike, now: Instant): string {
  const [from, to] = [Math.min(...tasks.map((one) => one.from)), Math.max(...tasks.map((one) => one.to))]
  const text = isShared(incident)
    ? briefTime(from, to, incident.zone, incident.from).replace(/ \S+$/, '')
    : spanTime(from, to, commonZone(tasks.map(({ newest }) => newest.schedule)), now)
  const isPair = countOf(own) === 2 && tasks.every((one) => one.from === from && one.to === to && countOf(one) === 2)
  return isPair ? text.replace(' to ', ' and ') : text
}

/** Returns what the tasks of a row wait for or why they failed, or else what was found of a single one. */
function reasonLines({ first: { incident, own }, tasks }: Alike, screen: Screen): readonly string[] {
  const { blockedBy, newest } = own
  if (blockedBy !== undefined) return [cutLine(waitText(newest, blockedBy), screen, REASON_INDENT)]
  if (isOutage(incident)) return tasks.length === 1 ? failureLines({ incident, own }, REASON_INDENT, screen) : []
  if (newest.kind === 'missed') return []
  if (tasks.length === 1) return [detailLine(own, REASON_INDENT, screen)]
  const reason = whyFound(newest)
  return reason === null ? [] : [cutLine(latest(own, reason), screen, REASON_INDENT)]
}

/** Returns why a task of a shared incident failed, unless the incident says what most failures say. */
function failureLines({ incident, own }: FoundTask, indent: string, screen: Screen): readonly string[] {
  const reason = incident.says === null && own.blockedBy === undefined ? whyFound(own.newest) : null
  return reason === null ? [] : [cutLine(latest(own, reason), screen, indent)]
}

/** What it waited for may have completed since. */
function waitText({ kind }: TaskFinding, blocker: string): string {
  return `${kind === 'failed' ? 'waited' : 'waits'} for ${blocker}`
}

function narrower(screen: Screen, indent: string): Screen {
  return { ...screen, columns: screen.columns === null ? null : screen.columns - indent.length }
}

function cutLine(text: string, { columns }: Screen, indent = ''): string {
  return cut(`${indent}${printable(text)}`, columns ?? Number.POSITIVE_INFINITY)
}

function wholeLines(text: string, { columns }: Screen): readonly string[] {
  return brokenLines(printable(text).split(' '), columns, '  ')
}

function titleLine(incident: Incident, screen: Screen, now: Instant): string {
  return painted(cutLine(incidentTitle(incident, now), screen), screen.color ? COLORS[incident.cause] : undefined)
}

function isShared({ tasks }: Incident): boolean {
  return tasks.length > 1
}

/** Its title says what most of its failures report. */
function isOutage(incident: Incident): boolean {
  return isShared(incident) && incident.cause === 'broken'
}

const OWNER_CELL = 3

function cellsOf({ own, incident }: FoundTask, now: Instant) {
  const { task, counts, blockedBy, newest, owner = '' } = own
  const blocked = blockedBy === undefined ? '' : `, ${waitText(newest, blockedBy)}`
  return [
    { text: task },
    { text: countsText(Object.fromEntries(counts)) + blocked, color: COLORS[incident.cause] },
    { text: spanOf(own, now) },
    { text: owner },
  ]
}

/** A screen has room for the reason. */
function detailLine(own: IncidentTask, indent: string, screen: Screen): string {
  const reason = screen.columns === null ? null : whyFound(own.newest)
  return cutLine(latest(own, reason ?? findingDetail(own.newest)), screen, indent)
}

function latest({ from, to }: IncidentTask, text: string): string {
  return `${from === to ? '' : 'latest: '}${text}`
}
