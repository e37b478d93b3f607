import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { defined } from '../../core/objects.ts'
import type { Instant } from '../../core/types.ts'
import { cronledger } from '../../verdict/command.ts'
import type { EndedIncident } from '../../verdict/incident-course.ts'
import type { Incident } from '../../verdict/incidents.ts'
import { commandText } from '../command-line.ts'
import { spanTime } from '../local-time.ts'
import { counted, printable } from '../text.ts'
import { incidentFacts, incidentLines, incidentTitle } from './incidents.ts'

/** One message of a digest must fit the smallest service, so it has this many lines of its incidents, of so many columns. */
const [MAX_LINES, MAX_COLUMNS] = [40, 200]

export interface Digest extends Readonly<Record<string, unknown>> {
  readonly event: 'digest' | 'repaired'
  readonly title: string
}

interface DigestContext {
  readonly store: string
  /** The task or the prefix of the check. */
  readonly task: string | undefined
  readonly since: Instant
  readonly now: Instant
}

/** Returns one notification for all incidents, the largest one first. */
export function digestOf(incidents: readonly Incident[], { store, task, since, now }: DigestContext): Digest {
  const command = commandText(cronledger('check', { store, task, since: formatInstant(since) }, '--commands'))
  const [first] = incidents
  const says = first !== undefined && first.tasks.length > 1 && first.says !== null ? ` · ${first.says}` : ''
  return {
    title: titleOf(incidents, (one) => `${incidentTitle(one, now)}${says}`),
    time: formatInstant(now),
    level: 'error',
    event: 'digest',
    ...countsIn(incidents),
    incidents: incidents.map((one) => incidentJson(one, now)),
    command,
    message: firstLines(incidentLines(incidents, { columns: MAX_COLUMNS, color: false }, now)),
  }
}

/** Returns one notification for all incidents that have ended, the largest one first. */
export function repairedOf(incidents: readonly EndedIncident[], now: Instant): Digest {
  const lines = incidents.flatMap((one) => [
    repairedText(one, now),
    ...one.tasks.map(({ task, owner }) => `  ${task}${owner === undefined ? '' : ` (${owner})`}`),
  ])
  return {
    title: titleOf(incidents, (one) => `REPAIRED ${repairedText(one, now)}`),
    time: formatInstant(now),
    level: 'info',
    event: 'repaired',
    ...countsIn(incidents),
    incidents: incidents.map((one) => ({ ...incidentJson(one, now), ended: formatInstant(one.endedAt) })),
    message: firstLines(lines.map(printable)),
  }
}

/** Returns `Outage 11-29 02:10 to 04:20 JST · 18 tasks · 59 slots · Owners: Data 18: all repaired at 11-29 14:40 JST, 12h 30m after it began`. */
function repairedText(incident: EndedIncident, now: Instant): string {
  const { endedAt, from, zone } = incident
  const what = [incidentTitle(incident, now), ...incidentFacts({ ...incident, says: null })].join(' · ')
  const all = incident.slots === 1 ? 'repaired' : 'all repaired'
  return `${what}: ${all} at ${spanTime(endedAt, endedAt, zone, now)}, ${elapsed(endedAt - from)} after it began`
}

function titleOf<Kind extends Incident>([first, ...others]: readonly Kind[], textOf: (first: Kind) => string): string {
  if (first === undefined) return ''
  const more = others.length === 0 ? '' : ` · ${counted(others.length, 'other problem')}`
  return printable(`${textOf(first)}${more}`)
}

function countsIn(incidents: readonly Incident[]) {
  const slots = incidents.reduce((sum, one) => sum + one.slots, 0)
  return { slots, tasks: new Set(incidents.flatMap((one) => one.tasks.map(({ task }) => task))).size }
}

function firstLines(lines: readonly string[]): string {
  const left = lines.length - MAX_LINES
  return [...lines.slice(0, MAX_LINES), ...(left > 0 ? [`… and ${left} more lines`] : [])].join('\n')
}

function incidentJson(incident: Incident, now: Instant) {
  const { id, cause, from, to, zone, slots, tasks, says, owners } = incident
  return {
    id,
    title: incidentTitle(incident, now),
    ...{ cause, zone, slots, owners: Object.fromEntries(owners) },
    ...(says !== null && { says }),
    from: formatInstant(from),
    to: formatInstant(to),
    tasks: tasks.map(({ task, owner, counts, blockedBy, from: oldest, to: newest }) => ({
      task,
      ...defined({ owner, blockedBy }),
      ...{ counts: Object.fromEntries(counts), from: formatInstant(oldest), to: formatInstant(newest) },
    })),
  }
}
