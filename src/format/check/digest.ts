import { formatInstant } from '../../core/instant.ts'
import { defined } from '../../core/objects.ts'
import type { Instant } from '../../core/types.ts'
import { cronledger } from '../../verdict/command.ts'
import type { Incident } from '../../verdict/incidents.ts'
import { commandText } from '../command-line.ts'
import { counted, printable } from '../text.ts'
import { incidentLines, incidentTitle } from './incidents.ts'

/** One message of a digest must fit the smallest service, so it has this many lines of its incidents, of so many columns. */
const [MAX_LINES, MAX_COLUMNS] = [40, 200]

export interface Digest extends Readonly<Record<string, unknown>> {
  readonly event: 'digest'
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
  const lines = incidentLines(incidents, { columns: MAX_COLUMNS, color: false }, now)
  const left = lines.length - MAX_LINES
  const slots = incidents.reduce((sum, one) => sum + one.slots, 0)
  const tasks = new Set(incidents.flatMap((one) => one.tasks.map(({ task }) => task))).size
  const command = commandText(cronledger('check', { store, task, since: formatInstant(since) }, '--commands'))
  return {
    title: digestTitle(incidents, now),
    time: formatInstant(now),
    level: 'error',
    event: 'digest',
    slots,
    tasks,
    incidents: incidents.map((one) => incidentJson(one, now)),
    command,
    message: [...lines.slice(0, MAX_LINES), ...(left > 0 ? [`… and ${left} more lines`] : [])].join('\n'),
  }
}

function digestTitle([first, ...others]: readonly Incident[], now: Instant): string {
  if (first === undefined) return ''
  const more = others.length === 0 ? '' : ` · ${counted(others.length, 'other problem')}`
  const says = first.tasks.length > 1 && first.says !== null ? ` · ${first.says}` : ''
  return printable(`${incidentTitle(first, now)}${says}${more}`)
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
