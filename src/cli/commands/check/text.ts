import type { Instant } from '../../../core/types.ts'
import { collectNeeds, needsLines, type RepairScope, repairLines } from '../../../format/check/needs.ts'
import { problemLines } from '../../../format/check/problems.ts'
import { brokenLines, type Screen } from '../../../format/table.ts'
import { OPERATING_GUIDE } from '../../../format/text.ts'
import type { TaskFinding } from '../../../verdict/judge.ts'
import type { Problem } from '../../../verdict/problems.ts'

interface CheckText {
  readonly store: string
  readonly commands: boolean | undefined
  readonly scope: RepairScope
  readonly screen: Screen
  readonly now: Instant
  readonly summary: () => string
}

/** Yields the problems, and last the headline and the one command that repairs them. After `found`, `problems` has all of them. */
export async function* findingsText(
  found: AsyncIterable<TaskFinding>,
  problems: () => readonly Problem[],
  { store, commands, scope, screen, now, summary }: CheckText,
) {
  const { needs, add } = collectNeeds()
  let failure: unknown = null
  try {
    for await (const finding of found) add(finding)
  } catch (error) {
    failure = error
  }
  const { columns } = screen
  const hasCommands = commands === true || needs.size === 1
  const lines = problemLines(problems(), screen, now, scope.owner !== undefined)
  for (const line of [...lines, ...(hasCommands ? needsLines(needs, store, columns) : [])]) yield `${line}\n`
  if (failure !== null) throw failure
  const repair = repairLines(needs, scope, columns)
  const advice =
    hasCommands || needs.size === 0 ? [] : [...(lines.some((line) => line.endsWith('…')) ? [NAMES] : []), ADVICE]
  const texts = (lines: readonly string[]) => lines.flatMap((line) => brokenLines(line.split(' '), columns))
  const [first, last] = repair.length > 0 ? [advice, repair] : [[], texts(advice)]
  const guide = needs.size === 0 ? [] : ['', ...texts([...first, `Guide: ${OPERATING_GUIDE}`]), '']
  for (const line of [...guide, ...texts([summary()]), ...last]) yield `${line}\n`
}

/** Through a pipe, nothing is cut. */
const NAMES = 'To see all names, add "| cat".'
const ADVICE = 'To see what to do about each task, add --commands, or check one task.'
