import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { type LeftOut, STALE_SLOTS_CAUTION } from '../../verdict/cautions.ts'
import { BATCH_WORD, cronledger, program, type Word } from '../../verdict/command.ts'
import { commandsOf, PLACES } from '../../verdict/place/places.ts'
import { forceVariables, logSteps, neededSteps } from '../../verdict/steps.ts'
import { commandText, stepLines } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import type { ShownSlot } from '../slot/show.ts'
import { counted, printable, shellWord } from '../text.ts'
import { sentenceText } from '../verdict.ts'
import { type SlotInLane, slotsInLanes, usualTimeOf } from './lanes.ts'
import { leftOutText } from './rerun.ts'
import { endLines, indented, OUTER_TRAP, OWN_SESSION, oneByOne, runLines, sideBySide } from './shell.ts'

// The script that runs the slots of one or several tasks again, where their batches run. It is for any POSIX shell.

export interface RerunScript {
  readonly store: string
  readonly slots: readonly ShownSlot[]
  /** The slots that need a look at each before they are run. */
  readonly leftOut: readonly ShownSlot[]
  /** For each task, how many slots are left out because they may not have been due. */
  readonly doubts: ReadonlyMap<string, readonly LeftOut[]>
  readonly upstreams: ReadonlyMap<string, readonly string[]>
  /** For each task, how long its slots usually take, in milliseconds. Without a task: that is not known. */
  readonly usualMs: ReadonlyMap<string, number>
  readonly reason: string
  readonly by: string
  readonly only: readonly string[]
  /** The slot is not one of a range: the operator named it. */
  readonly isNamed: boolean
  readonly keepGoing: boolean
  /** How many tasks run side by side. The slots of one task never do. */
  readonly jobs: number
  /** The command of the batches that run on a host. Null: the reader writes it. */
  readonly batch: readonly string[] | null
}

/** Returns a word that ends the script, and that is in none of its lines. */
function endWord(lines: readonly string[]): string {
  const text = lines.join('\n')
  let word = 'END_OF_CRONLEDGER'
  while (text.includes(word)) word += '_'
  return word
}

/** A slot that fails ends its task and those that come after it, unless the script has `--keep-going`. */
export function scriptLines(script: RerunScript): readonly string[] {
  const { store, keepGoing, isNamed, jobs } = script
  const slots = slotsInLanes(script.slots, script.upstreams)
  const count = slots.length
  const [first, left] = [lookFirstLines(script), leftOutLines(script)]
  if (count === 0) return ['# Nothing to run.', ...first, ...left]
  const head = headline(slots, script)
  const { functions, list } = functionsOf(slots, script)
  const blanks = [...new Set(functions.join('\n').match(/\bYOUR_[A-Z_]+|\bENABLED_OR_DISABLED/g))]
  const ownCommands = blanks.includes('YOUR_COMMAND') && tasksOf(slots) > 1 ? '. Each task has its own command.' : ''
  const kinds = [...new Set(slots.map(({ shown }) => shown.target.place?.kind))]
  const end = endLines(count)
  const lines = [
    `echo ${shellWord(`${head} Ctrl-C starts nothing more, and waits for what runs.`)} >&2`,
    ...functions,
    ...runLines({ store, count, keepGoing, isNamed }),
    ...(jobs === 1 ? oneByOne(list, end) : sideBySide(Math.min(jobs, tasksOf(slots)), list, end)),
  ]
  const body = [
    `# ${head}`,
    '# Read it, then paste it into bash or zsh, or add "| sh" to the command that printed it.',
    ...(blanks.length === 0 ? [] : [`# Replace first: ${blanks.join(', ')}${ownCommands}`]),
    ...(tasksOf(slots) > 1
      ? ['# Tasks for which no work was done come first, and a task comes after those that it waits for.']
      : []),
    keepGoing
      ? '# A slot that fails does not stop the others.'
      : '# If a slot fails, the later slots of its task are not run, nor those of tasks that come after it. Then the command that printed this prints what is left.',
    ...first,
    '{',
    ...kinds.map((kind) => (kind === undefined ? OWN_SESSION : PLACES[kind].script)),
    ...lines.map(indented),
    // The batches must not read the script.
    '} </dev/null',
    ...left,
  ]
  const word = endWord(body)
  // zsh takes no comments from a terminal, and has variables that cannot be set.
  return [OUTER_TRAP, `sh <<'${word}'`, ...body, word]
}

function tasksOf(slots: readonly SlotInLane[]): number {
  return new Set(slots.map(({ lane }) => lane)).size
}

/** Returns `18 slots of 9 tasks of 3 owners, 4 tasks side by side. They usually take 1h 20m.` */
function headline(slots: readonly SlotInLane[], { usualMs, jobs }: RerunScript): string {
  const tasks = tasksOf(slots)
  const owners = new Set(slots.flatMap(({ shown }) => shown.owner ?? [])).size
  const of = [counted(slots.length, 'slot'), counted(tasks, 'task'), ...(owners > 0 ? [counted(owners, 'owner')] : [])]
  const order =
    slots.length === 1
      ? ''
      : jobs > 1 && tasks > 1
        ? `, ${Math.min(jobs, tasks)} tasks side by side`
        : ', one after the other, the oldest first'
  const unknown = new Set(slots.flatMap(({ lane }) => (usualMs.has(lane.task) ? [] : lane))).size
  const known = `They usually take about ${elapsed(usualTimeOf(slots, usualMs, jobs))}`
  const without = unknown === 0 ? '' : `, without ${counted(unknown, 'task')} of which that is not known`
  return `${of.join(' of ')}${order}. ${unknown === tasks ? 'How long they usually take is not known' : `${known}${without}`}.`
}

/** Returns a function for each task, and the slots for which it is called. Slots whose command differs have one of their own. */
function functionsOf(slots: readonly SlotInLane[], script: RerunScript) {
  const names = new Map<string, string>()
  const functions: string[] = []
  const used = new Map<number, number>()
  const list = slots.flatMap(({ lane, shown }) => {
    const { number, task, after } = lane
    const command = slotCommand(shown, script)
    const key = `${number} ${command}`
    let name = names.get(key)
    if (name === undefined) {
      const others = used.get(number) ?? 0
      used.set(number, others + 1)
      name = others === 0 ? `run_${number}` : `run_${number}_${others}`
      names.set(key, name)
      const owner = shown.owner === undefined ? '' : `, ${shown.owner}`
      functions.push(`${name}() { ${comment(`${task}${owner}`)}`, indented(command), '}')
    }
    const own = name === `run_${number}` ? '' : ` ${name}`
    const local = zonedTime(shown.slot, shown.schedule?.zone ?? 'UTC')
    const call = `slot ${number} '${after.join(' ')}' ${shellWord(task)} ${formatInstant(shown.slot)} ${shellWord(local)}${own}`
    return [...aboutLines(shown), call]
  })
  return { functions, list }
}

/** The script runs what a slot waits for before it. If that failed, or is not in the script, a wait would only hold up the rest. */
const NO_WAIT = '0s'

/** Returns the command of a slot, which the shell has in `$1`. */
function slotCommand({ task, target }: ShownSlot, script: RerunScript): string {
  const { store, only, reason, by, batch } = script
  const waits = (script.upstreams.get(task) ?? []).length > 0
  const { place } = target
  if (place === null) {
    const flags = { only: only.join(','), ...(waits && { 'after-timeout': NO_WAIT }), reason, by }
    const more = commandText([...program([], flags), '--', ...(batch ?? [BATCH_WORD])])
    return `setsid ${commandText(cronledger('rerun', { store, task }))} --slot "$1" ${more}`
  }
  const slot = { CRONLEDGER_FORCE_SLOT: { blank: 'slot', inQuotes: true } } as const
  const more = {
    ...(waits && { CRONLEDGER_AFTER_TIMEOUT: NO_WAIT }),
    ...(script.slots.length > 1 && { CRONLEDGER_PART_OF_REPAIR: 'true' }),
  }
  const name: Word = [{ shell: '"$name"' }]
  return commandText(
    commandsOf(place).runInScript(place, name, { ...forceVariables(target, script), ...slot, ...more }),
  )
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
  return leftLines(slots, `Look at these first: ${counted(slots.length, 'completed slot')}, unusual or late.`)
}

function leftOutLines({ leftOut, doubts }: RerunScript): readonly string[] {
  const stale = leftOut.filter(({ range }) => range === 'stale')
  return [
    ...leftLines(stale, `Left out: ${counted(stale.length, 'stale slot')}. ${STALE_SLOTS_CAUTION}`),
    ...[...doubts].map(([task, whys]) =>
      comment(`Left out: ${leftOutText(whys, task)}. See: cronledger check ${task}`),
    ),
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
