import { formatInstant } from '../../core/instant.ts'
import { groupedBy } from '../../core/objects.ts'
import type { Instant } from '../../core/types.ts'
import { type LeftOut, STALE_SLOTS_CAUTION } from '../../verdict/cautions.ts'
import { BATCH_WORD, type CommandWords, cronledger } from '../../verdict/command.ts'
import { type CommandPlace, commandsOf, PLACES } from '../../verdict/place/places.ts'
import { forceVariables, logSteps, neededSteps } from '../../verdict/steps.ts'
import { depthOf } from '../../verdict/upstream.ts'
import { commandText, stepLines } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import type { ShownSlot } from '../slot/show.ts'
import { counted, printable } from '../text.ts'
import { sentenceText } from '../verdict.ts'
import { leftOutText } from './rerun.ts'

// The script that runs the slots of one or several tasks again, where their batches run. It is for any POSIX shell.

export interface RerunScript {
  readonly store: string
  readonly slots: readonly ShownSlot[]
  /** The slots that need a look at each before they are run. */
  readonly leftOut: readonly ShownSlot[]
  /** For each task, how many slots are left out because they may not have been due. */
  readonly doubts: ReadonlyMap<string, readonly LeftOut[]>
  readonly upstreams: ReadonlyMap<string, readonly string[]>
  readonly reason: string
  readonly by: string
  readonly only: readonly string[]
  readonly keepGoing: boolean
  /** The command of the batches that run on a host. Null: the reader writes it. */
  readonly batch: readonly string[] | null
}

interface Part {
  readonly task: string
  readonly at: Instant
  /** According to the ledger, no part of the work of this task was done. */
  readonly isSafe: boolean
  /** The length of the longest chain of tasks in the script that must run before this one. */
  readonly depth: number
  readonly lines: readonly string[]
}

const END = 'END_OF_CRONLEDGER'

/** What the functions of the places call at the end. */
const ENDED = `  ended() { # the slot, the exit code of its batch, and what ran it
    case $2 in
      0) echo "$1: succeeded" ;;
      '' | None) echo "$1: $3 ended without an exit code" >&2; return 1 ;;
      *) echo "$1: exit code $2 (cronledger help exit-codes)" >&2; return "$2" ;;
    esac
  }`

/** Tasks without any work done come first. A slot that fails ends the script, unless the script has `--keep-going`. */
export function scriptLines(script: RerunScript): readonly string[] {
  const parts = partsOf(script)
  const [first, left] = [lookFirstLines(script), leftOutLines(script)]
  if (parts.length === 0) return ['# Nothing to run.', ...first, ...left]
  const commands = parts.flatMap(({ lines }) => lines)
  const blanks = [...new Set(commands.join('\n').match(/\bYOUR_[A-Z_]+|\bENABLED_OR_DISABLED/g))]
  const ownCommands = blanks.includes('YOUR_COMMAND') && tasksOf(script) > 1 ? '. Each task has its own command.' : ''
  const places = new Set(script.slots.flatMap(({ target: { place } }) => place?.kind ?? []))
  return [
    // zsh takes no comments from a terminal, and has variables that cannot be set.
    `sh <<'${END}'`,
    `# ${headline(script)}`,
    '# Read it, then paste it into bash or zsh, or add "| sh" to the command that printed it.',
    ...(blanks.length === 0 ? [] : [`# Replace first: ${blanks.join(', ')}${ownCommands}`]),
    script.keepGoing
      ? '# A slot that fails does not stop the others.'
      : '# If a slot fails, the others are not run. Then the command that printed this prints what is left.',
    ...first,
    '(',
    ...(script.keepGoing ? ['  failed=0'] : []),
    ...(places.size > 0 ? [ENDED] : []),
    ...[...places].map((kind) => PLACES[kind].script),
    ...commands.map((line) => `  ${line}`),
    ...(script.keepGoing ? ['  exit "$failed"'] : []),
    // The batches must not read the script.
    ') </dev/null',
    ...left,
    END,
  ]
}

function tasksOf({ slots }: RerunScript): number {
  return new Set(slots.map(({ task }) => task)).size
}

function headline(script: RerunScript): string {
  const { slots } = script
  const tasks = tasksOf(script)
  const counts = [counted(slots.length, 'slot'), ...(tasks > 1 ? [`of ${tasks} tasks`] : [])].join(' ')
  const order =
    tasks > 1 ? ' Tasks for which no work was done come first, and a task comes after those that it waits for.' : ''
  return slots.length === 1 ? `${counts}.` : `${counts}, one after the other, the oldest first.${order}`
}

function partsOf(script: RerunScript): readonly Part[] {
  const byTask = groupedBy(script.slots, ({ task }) => task)
  const parts = [...byTask].flatMap(([task, slots]) => {
    const inOrder = slots.sort((one, other) => one.slot - other.slot)
    const depth = depthOf(task, new Set(byTask.keys()), script.upstreams)
    const isSafe = depth === 0 && inOrder.every(({ verdict }) => verdict.work === 'not done')
    return partsOfTask(inOrder, depth, script).map((part) => ({ ...part, isSafe, depth }))
  })
  const rank = ({ isSafe }: Part) => (isSafe ? 0 : 1)
  return parts.sort(
    (one, other) =>
      rank(one) - rank(other) || one.at - other.at || one.depth - other.depth || (one.task < other.task ? -1 : 1),
  )
}

/** On a host, one command runs all slots of a task in their order. Elsewhere, each slot needs a run of its own. */
function partsOfTask(
  slots: readonly ShownSlot[],
  depth: number,
  script: RerunScript,
): readonly Omit<Part, 'isSafe' | 'depth'>[] {
  const [oldest, newest] = [slots[0], slots.at(-1)]
  if (oldest === undefined || newest === undefined) return []
  const end = script.keepGoing ? ' || failed=$?' : ' || exit'
  const { task } = oldest
  const { place } = oldest.target
  if (place !== null)
    return slots.map((one) => ({
      ...{ task, at: one.slot },
      lines: [...aboutLines(one), `${runSlotText(one, place, script)}${end}`],
    }))
  const command = commandText(rangeCommand(oldest, newest, script))
  const at = depth === 0 ? oldest.slot : newest.slot
  return [{ task, at, lines: [...slots.flatMap(aboutLines), `${command}${end}`] }]
}

/** The script runs what a slot waits for before it. If that failed, or is not in the script, a wait would only hold up the rest. */
const NO_WAIT = '0s'

function waits(task: string, { upstreams }: RerunScript): boolean {
  return (upstreams.get(task) ?? []).length > 0
}

function runSlotText({ task, slot, target }: ShownSlot, place: CommandPlace, script: RerunScript): string {
  const noWait = waits(task, script) ? { CRONLEDGER_AFTER_TIMEOUT: NO_WAIT } : {}
  const variables = { ...forceVariables(target, script), ...noWait }
  return commandText(commandsOf(place).runInScript(place, `${task} ${formatInstant(slot)}`, variables))
}

function rangeCommand(oldest: ShownSlot, newest: ShownSlot, script: RerunScript): CommandWords {
  const { store, only, reason, by, keepGoing, batch } = script
  const [from, to] = [oldest.slot, newest.slot + 1000].map(formatInstant)
  const which = oldest === newest ? { slot: from } : { from, to }
  const { task } = oldest
  const noWait = waits(task, script) ? { 'after-timeout': NO_WAIT } : {}
  const flags = { store, task, ...which, only: only.join(','), ...noWait, reason, by }
  const goOn = keepGoing && oldest !== newest ? ['--keep-going'] : []
  return cronledger('rerun', flags, ...goOn, '--', ...(batch ?? [BATCH_WORD]))
}

function aboutLines(shown: ShownSlot): readonly string[] {
  const { task, slot, schedule, verdict, target } = shown
  const zone = schedule?.zone ?? 'UTC'
  const work = verdict.work === 'not done' ? '' : ` (work: ${verdict.workText})`
  const happened = `${task} ${zonedTime(slot, zone)} ${sentenceText(verdict.happened, slot, zone)}${work}`
  const look = verdict.work === 'not done' ? [] : logSteps('check its log first', target)
  return [happened, ...(verdict.caution ?? '').split('\n').filter(Boolean), ...stepLines(look)].map(comment)
}

/** Completed slots that need a look and no run: the operator settles them, and the script never does. */
function lookFirstLines({ leftOut }: RerunScript): readonly string[] {
  const slots = leftOut.filter(({ range }) => range !== 'stale')
  const what = slots.length === 1 ? '1 slot has' : `${slots.length} slots have`
  return leftLines(
    slots,
    `Look at these first: ${what} completed, and ${slots.length === 1 ? 'is' : 'are'} unusual or late.`,
  )
}

function leftOutLines({ leftOut, doubts }: RerunScript): readonly string[] {
  const stale = leftOut.filter(({ range }) => range === 'stale')
  return [
    ...leftLines(stale, `Left out: ${counted(stale.length, 'stale slot')}. ${STALE_SLOTS_CAUTION}`),
    ...[...doubts].map(([task, whys]) => `# Left out: ${leftOutText(whys, task)}. See: cronledger check ${task}`),
  ]
}

function leftLines(slots: readonly ShownSlot[], title: string): readonly string[] {
  if (slots.length === 0) return []
  const linesOf = (shown: ShownSlot) => [
    ...aboutLines({ ...shown, verdict: { ...shown.verdict, caution: null } }),
    ...stepLines(neededSteps(shown.verdict.steps).filter(({ kind }) => kind !== 'log')).map(comment),
  ]
  return [`# ${title}`, ...slots.flatMap(linesOf)]
}

function comment(line: string): string {
  return `# ${printable(line)}`
}
