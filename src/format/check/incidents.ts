import type { Instant } from '../../core/types.ts'
import type { Incident, IncidentTask } from '../../verdict/incidents.ts'
import type { IncidentCause } from '../../verdict/judge.ts'
import { spanTime } from '../local-time.ts'
import { alignedLines, cut, painted, RED, type Screen, YELLOW } from '../table.ts'
import { printable } from '../text.ts'
import { countsText, findingDetail } from './finding.ts'

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
      return `${task}: ${countsOf(counts)}, ${spanOf(own, now)}${owner === undefined ? '' : ` (${owner})`}`
    })
    .join()
}

/** Returns what most failures of a shared incident say, and how many tasks each team has. Not yet safe to show. */
export function incidentFacts(incident: Incident): readonly string[] {
  const { says } = incident
  return isShared(incident) ? [says, ownersText(incident)].flatMap((text) => text ?? []) : []
}

/** A screen has room for so many owners. */
const MOST_OWNERS = 4

/** Returns `Owners: Payments 11, Data 5`. Null: no task has an owner. */
function ownersText({ owners }: Incident): string | null {
  const named = [...owners].filter(([owner]) => owner !== '')
  if (named.length === 0) return null
  const more = named.length > MOST_OWNERS ? [`${named.length - MOST_OWNERS} others`] : []
  const none = owners.get('')
  const texts = named.slice(0, MOST_OWNERS).map(([owner, count]) => `${owner} ${count}`)
  return `Owners: ${[...texts, ...more, ...(none === undefined ? [] : [`none ${none}`])].join(', ')}`
}

/** Each slot has the zone of its own schedule. */
function spanOf({ from, fromZone, to, newest }: IncidentTask, now: Instant): string {
  return spanTime(from, to, newest.schedule.zone, now, fromZone)
}

function countsOf(counts: IncidentTask['counts']): string {
  return countsText(Object.fromEntries(counts))
}

/** An incident of several tasks has a title and a line for each task. All others come last, with their newest slot. */
export function incidentLines(incidents: readonly Incident[], screen: Screen, now: Instant): readonly string[] {
  const rows = incidents.flatMap((incident) => incident.tasks.map((task) => ({ incident, task })))
  const indent = incidents.some(isShared) ? '  ' : ''
  const columns = screen.columns === null ? null : screen.columns - indent.length
  const cells = rows.map(({ incident, task }) => cellsOf(task, incident, now))
  const lines = alignedLines(cells, { ...screen, columns }, [3, 0])
  return rows.flatMap(({ incident, task }, index) => {
    const line = `${indent}${lines[index]}`
    const before = rows[index - 1]?.incident
    const space = before === undefined ? [] : ['']
    if (!isShared(incident)) {
      const isFirst = indent !== '' && before !== undefined && isShared(before)
      return [...(isFirst ? [...space, 'Other problems'] : []), line, detailLine(task, indent, columns)]
    }
    const title = painted(incidentTitle(incident, now), screen.color ? COLORS[incident.cause] : undefined)
    const facts = incidentFacts(incident).map(
      (text) => `${indent}${cut(printable(text), columns ?? Number.POSITIVE_INFINITY)}`,
    )
    return [...(incident === before ? [] : [...space, title, ...facts]), line]
  })
}

function isShared({ tasks }: Incident): boolean {
  return tasks.length > 1
}

function cellsOf(own: IncidentTask, { cause }: Incident, now: Instant) {
  const { task, counts, owner = '', blockedBy } = own
  const color = COLORS[cause]
  return [
    { text: task },
    {
      text: countsOf(counts) + (blockedBy === undefined ? '' : `, blocked by ${blockedBy}`),
      color,
    },
    { text: spanOf(own, now) },
    { text: owner },
  ]
}

function detailLine({ newest, from, to }: IncidentTask, indent: string, columns: number | null): string {
  const text = printable(`${from === to ? '' : 'latest: '}${findingDetail(newest)}`)
  return `${indent}  ${cut(text, columns === null ? Number.POSITIVE_INFINITY : columns - 2)}`
}
