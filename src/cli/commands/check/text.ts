import type { Instant } from '../../../core/types.ts'
import { incidentLines } from '../../../format/check/incidents.ts'
import { collectNeeds, needsLines, type RepairScope, repairLines } from '../../../format/check/needs.ts'
import { brokenLines, type Screen } from '../../../format/table.ts'
import { OPERATING_GUIDE } from '../../../format/text.ts'
import { type CountDue, collectIncidents } from '../../../verdict/incidents.ts'
import type { TaskFinding } from '../../../verdict/judge.ts'
import { readAll } from './json.ts'

interface CheckText {
  readonly store: string
  /** Print the commands for each task, which are always printed for a single one. */
  readonly commands: boolean | undefined
  readonly scope: RepairScope
  readonly screen: Screen
  readonly now: Instant
  readonly countDue: CountDue
  readonly summary: () => string
}

/** Yields the findings by incident, and last the headline and the one command that repairs them. */
export async function* findingsText(found: AsyncIterable<TaskFinding>, options: CheckText) {
  const { store, commands, scope, screen, now, countDue, summary } = options
  const { needs, add: addToNeeds } = collectNeeds()
  const { incidents, add } = collectIncidents(countDue)
  const failure = await readAll(found, (finding) => {
    add(finding)
    addToNeeds(finding)
  })
  const { columns } = screen
  const hasCommands = commands === true || needs.size === 1
  const lines = incidentLines(incidents(), screen, now, scope.owner !== undefined)
  for (const line of [...lines, ...(hasCommands ? needsLines(needs, store, columns) : [])]) yield `${line}\n`
  // There is no summary then.
  if (failure !== null) throw failure
  const repair = repairLines(needs, scope, columns)
  const advice =
    hasCommands || needs.size === 0 ? [] : [...(lines.some((line) => line.endsWith(MORE)) ? [NAMES] : []), ADVICE]
  const texts = (lines: readonly string[]) => lines.flatMap((line) => brokenLines(line.split(' '), columns))
  const [first, last] = repair.length > 0 ? [advice, repair] : [[], texts(advice)]
  const guide = needs.size === 0 ? [] : ['', ...texts([...first, `Guide: ${OPERATING_GUIDE}`]), '']
  for (const line of [...guide, ...texts([summary()]), ...last]) yield `${line}\n`
}

/** What ends a line of which names are left out. Through a pipe, none are. */
const MORE = ', …'
const NAMES = 'To see all names, add "| cat".'
const ADVICE = 'To see what to do about each task, add --commands, or check one task.'
