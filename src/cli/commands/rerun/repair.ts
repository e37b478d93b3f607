import { hostname } from 'node:os'
import { createInterface } from 'node:readline'
import { isatty } from 'node:tty'
import type { KnownTask } from '../../../audit/tasks.ts'
import { elapsed } from '../../../core/duration.ts'
import { type ErrorKind, usageError } from '../../../core/errors.ts'
import { EXIT } from '../../../core/exit.ts'
import { optionName } from '../../../core/option.ts'
import { dueKeys } from '../../../core/task/expected-slots.ts'
import type { Instant, Key } from '../../../core/types.ts'
import { exitCodeOfSignal, gravestExit } from '../../../exit-code.ts'
import {
  commandOfPlan,
  countsText,
  failedLines,
  fellDueText,
  headline,
  leftOutJson,
  leftOutLines,
  nothingText,
  type PlannedStep,
  planEnd,
  progressLine,
  type RepairPlan,
  repairJson,
  slotName,
  stepJsonOfPlan,
  stepOfPlan,
} from '../../../format/rerun/plan.ts'
import { counted, printable } from '../../../format/text.ts'
import { createLedger } from '../../../ledger.ts'
import { onAbort, systemClock } from '../../../process/clock.ts'
import { operatorOf } from '../../../process/host.ts'
import type { Stops } from '../../../process/signals.ts'
import { factsOf } from '../../../verdict/found.ts'
import { usualTimeOf } from '../../../verdict/repair-plan.ts'
import { type Step, showStep } from '../../../verdict/steps.ts'
import { type CommandContext, isGiven } from '../../options/arguments.ts'
import { variableWarnings } from '../../options/mistakes.ts'
import { SUPERVISION_OPTIONS } from '../../options/run-options.ts'
import { printTexts } from '../../output.ts'
import { type LaneScreen, openLaneScreen, showsProgress } from '../../progress.ts'
import { checkBatchCommand } from '../../runner.ts'
import { startSupervisor } from './children.ts'
import { exitCodeOfRepair, type Lanes, runLanes } from './lanes.ts'
import { type RepairValues, readJudged, readRepair } from './read.ts'
import { runSlot, type SlotEnd } from './slot.ts'
import { askWith } from './tools.ts'

type Asked = Omit<RepairValues, 'by' | 'canAsk'> & { readonly by: string | undefined }

const OF_EACH_RERUN = ['retentionMs', 'ledgerTimeoutMs', 'log', 'notify', 'notifyOn', 'notifyFormat']
/** The options that say how a batch is supervised. The others are of the ledger and of the log. */
const OF_BATCHES = Object.keys(SUPERVISION_OPTIONS).filter((name) => !OF_EACH_RERUN.includes(name))

export async function repair(asked: Asked, context: CommandContext): Promise<number> {
  const { argv, env, stops } = context
  const { dryRun = false, isOne, batch, jobs = 1, log } = asked
  const isTerminal = isatty(0) && isatty(2)
  const values = { ...asked, by: asked.by ?? operatorOf({ host: hostname() }), canAsk: isTerminal || dryRun }
  const form = log ?? (isatty(2) ? 'text' : 'json')
  const tell = openTeller(form, context.sink)
  for (const warning of variableWarnings('rerun', { ...asked }, env)) tell.say('warn', warning)
  const ledger = createLedger({ store: asked.store })
  const kinds = new Set<ErrorKind>()
  const fault = (text: string, kind: ErrorKind) => {
    kinds.add(kind)
    tell.say('error', `left out: ${text}`)
  }
  const plannedAt = systemClock.now()
  const { plan, known } = await readRepair(values, ledger, env, fault, stops.aborted)
  const { steps, leftOut } = plan
  if (dryRun) return showPlan(plan, asked, jobs).then(() => gravestExit(kinds))
  const noCommand = leftOut.filter(({ why }) => why === 'noCommand')
  if (isOne && batch === null && steps.length === 0 && noCommand.some(({ target }) => target !== undefined))
    checkBatchCommand('rerun', null)
  const isHere = steps.some(({ place, why }) => place === null && why !== 'running')
  if (!isHere && steps.length > 0) refuseBatchOptions(argv)
  tell.leftOut(plan)
  const readCode = gravestExit(kinds)
  if (steps.length === 0) {
    tell.say('info', nothingText(plan))
    return readCode || (noCommand.length > 0 ? EXIT.refused : EXIT.ok)
  }
  tell.say('info', headline(plan, jobs))
  const mustAsk = plan.foreign.length > 0 || (!isOne && asked.yes !== true)
  if (mustAsk && !(await confirm(isTerminal, tell, stops))) return exitCodeOfSignal('SIGINT')

  const leave = new AbortController()
  let lanes: Lanes | null = null
  const waitingText = () => `Nothing more starts. Waiting for the ${lanes?.running().length ?? 0} that run.`
  const removeListener = onStop(stops, { first: () => tell.say('warn', waitingText()), second: () => leave.abort() })
  const canShow = showsProgress(env) && log !== 'json'
  const screen =
    canShow && !isHere && log === undefined ? await openLaneScreen(env, Math.min(jobs, steps.length)) : null
  tell.on(screen)
  const progress = openProgress(plan, { jobs, tell, screen, isLogged: isHere && canShow })
  const io = {
    plan,
    clock: systemClock,
    ask: askWith(env),
    stop: stops.aborted,
    read: (one: Key) => readJudged(one, known.get(one.task), values, ledger),
    startHere: (one: PlannedStep) => startSupervisor(one, plan, batch ?? [], context),
    say: (one: PlannedStep, text: string) => tell.say('info', `${slotName(one)}: ${text}`, { slot: one }),
  }
  const ended = await runLanes(
    steps,
    { jobs, keepGoing: asked.keepGoing === true },
    {
      run: (step) => runSlot(step, io),
      told(step, end, now) {
        lanes = now
        if (end !== null) progress.tellEnd(step, end, now)
        progress.show(step, end, now)
      },
      stop: stops.aborted,
      leave: leave.signal,
    },
  )
  removeListener()
  screen?.hide()
  tell.on(null)
  if (leave.signal.aborted) tell.say('warn', goOnText(ended.running()))
  const due = asked.until === undefined && asked.slot === undefined ? fellDue(known, plannedAt) : []
  if (due.length > 0) tell.say('info', fellDueText(due))
  const stopCode = stops.first() === null ? null : exitCodeOfSignal('SIGINT')
  const exitCode = exitCodeOfRepair(ended, readCode, stopCode, noCommand.length > 0)
  const counts = { ...ended.counts, leftOut: leftOut.length, exitCode }
  // A program has had each with its steps.
  if (form !== 'json') tell.lines(failedLines(progress.failed, plan.store))
  tell.say(exitCode === EXIT.ok ? 'info' : 'error', countsText(counts), { counts })
  return exitCode
}

interface Progress {
  readonly jobs: number
  readonly tell: ReturnType<typeof openTeller>
  readonly screen: LaneScreen | null
  /** Whether each step that begins is a line of the log. */
  readonly isLogged: boolean
}

/** Tells how each step began and ended, and keeps those that failed. */
function openProgress(plan: RepairPlan, { jobs, tell, screen, isLogged }: Progress) {
  const { steps } = plan
  const failed: { readonly one: PlannedStep; readonly text: string }[] = []
  return { failed, tellEnd, show }

  function tellEnd(one: PlannedStep, end: SlotEnd, { counts }: Lanes): void {
    const text =
      end.kind === 'done' ? `done${end.byOthers ? ' by another run' : ''}` : `${END_WORDS[end.kind]}${end.why}`
    const isWrong = end.kind === 'failed' || end.kind === 'unknown'
    if (isWrong) failed.push({ one, text })
    const steps = isWrong ? [showStep('see what happened', { store: plan.store, ...one })] : []
    tell.say(isWrong ? 'error' : 'info', `${slotName(one)}: ${text} (${counts.left} left)`, { slot: one, steps })
  }

  function show(one: PlannedStep, end: SlotEnd | null, { counts, running, isLeft }: Lanes): void {
    const done = counts.done + counts.failed + counts.unknown
    if (screen !== null) {
      const leftMs = usualTimeOf(steps, plan.usualMs, jobs, isLeft)
      const time = leftMs === 0 ? '' : `, about ${elapsed(leftMs)} left`
      const now = running()
      const text = `${counts.done} done, ${now.length} running, ${counts.failed} failed, ${counts.left - now.length} left`
      screen.show(done, steps.length, `${text}${time}`, now.map(slotName))
    } else if (end === null && isLogged)
      // The progress goes through the log, which never blocks: a terminal may be stopped (Ctrl-S).
      tell.lines([progressLine(done, steps.length, one)])
  }
}

function refuseBatchOptions(argv: readonly string[]): void {
  const alone = OF_BATCHES.find((name) => isGiven(name, argv))
  if (alone !== undefined)
    throw usageError(
      `--${optionName(alone)} has no effect, because no slot runs on this host: the task definition or the CronJob says it. Leave it out.`,
    )
}

function goOnText(running: readonly PlannedStep[]): string {
  const goOn = running.length === 1 ? 'goes on to its end' : 'go on to their end'
  return `${counted(running.length, 'slot')} ${goOn}: ${running.map(slotName).join(', ')}`
}

const END_WORDS = { left: 'not run: ', unknown: 'not known: ', failed: '' } as const

async function showPlan(plan: RepairPlan, { isOne, format, json }: Asked, jobs: number): Promise<void> {
  const form = json ? 'json' : (format ?? 'text')
  const textOf = {
    json: stepJsonOfPlan,
    text: (step: PlannedStep) => stepOfPlan(step, plan, isOne),
    commands: commandOfPlan,
  }[form]
  async function* texts() {
    for (const step of plan.steps) yield textOf(step, plan)
    if (form === 'json') yield* plan.leftOut.map(leftOutJson)
    if (form === 'text') yield* planEnd(plan, jobs)
  }
  await printTexts(texts(), form === 'json')
}

/** Asks the operator. Throws a usage error without a terminal: a script that once printed commands must not start a night. */
async function confirm(isTerminal: boolean, tell: Teller, { aborted }: Stops): Promise<boolean> {
  if (!isTerminal)
    throw usageError(
      'rerun of several tasks runs them now. To start without a question, add --yes. To print the plan, add --dry-run.',
    )
  tell.lines(['Run them? [y/N]'])
  const lines = createInterface({ input: process.stdin })
  const answer = await new Promise<string>((resolve) => {
    onAbort(aborted, () => resolve(''))
    lines.once('line', resolve)
    lines.once('close', () => resolve(''))
  })
  lines.close()
  const isMeant = /^y(?:es)?$/i.test(answer.trim())
  if (!isMeant) tell.say('info', 'Nothing was started.')
  return isMeant
}

/** A second signal is one more than the first one, at any later time. */
function onStop(stops: Stops, { first, second }: { first(): void; second(): void }): () => void {
  let count = stops.first() === null ? 0 : 1
  return stops.onSignal((signal) => {
    if (signal === 'SIGUSR1' || signal === 'SIGUSR2') return
    count += 1
    if (count === 1) first()
    else second()
  })
}

function fellDue(known: ReadonlyMap<string, KnownTask>, since: Instant) {
  const now = systemClock.now()
  return [...known].flatMap(([task, record]) => {
    const { inForce: schedules, gaps } = factsOf(task, record, now)
    const zone = record.schedules.at(-1)?.spec.zone ?? 'UTC'
    return [...dueKeys([{ task, schedules, gaps }], since, now)].map(({ slot }) => ({ task, slot, zone }))
  })
}

type Teller = ReturnType<typeof openTeller>

/** Says what happens, as lines of the log: one line a slot, as text or as JSON. With a screen, above that. */
function openTeller(format: 'text' | 'json' | 'quiet', sink: CommandContext['sink']) {
  let screen: LaneScreen | null = null
  const write = (line: string) => (screen === null ? sink.write(line) : screen.log(line))
  const say = (
    level: 'info' | 'warn' | 'error',
    message: string,
    more: { readonly slot?: Key; readonly steps?: readonly Step[]; readonly counts?: object } = {},
  ) => {
    if (format === 'json') write(repairJson(level, message, systemClock.now(), more))
    else if (format === 'text' || level !== 'info')
      write(`cronledger: ${message.split('\n').map(printable).join('\n')}`)
  }
  const lines = (texts: readonly string[]) => {
    for (const text of texts) write(text)
  }
  return {
    say,
    lines,
    /** Names the slots that are left out, with what the operator can do. */
    leftOut({ leftOut, reason }: RepairPlan): void {
      if (format !== 'json') lines(leftOutLines(leftOut, reason))
      else for (const { text, steps, ...slot } of leftOut) say('warn', `left out: ${text}`, { slot, steps })
    },
    on(next: LaneScreen | null): void {
      screen = next
    },
  }
}
