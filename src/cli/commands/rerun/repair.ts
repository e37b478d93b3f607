import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { createInterface } from 'node:readline'
import { isatty } from 'node:tty'
import type { KnownTask } from '../../../audit/tasks.ts'
import { elapsed } from '../../../core/duration.ts'
import { type ErrorKind, usageError } from '../../../core/errors.ts'
import { EXIT } from '../../../core/exit.ts'
import { formatInstant } from '../../../core/instant.ts'
import { optionName } from '../../../core/option.ts'
import { dueKeys } from '../../../core/task/expected-slots.ts'
import type { Instant, Key } from '../../../core/types.ts'
import { exitCodeOfSignal, gravestExit } from '../../../exit-code.ts'
import { stepLines } from '../../../format/command-line.ts'
import {
  commandOfPlan,
  countsText,
  fellDueText,
  headline,
  leftOutJson,
  leftOutLines,
  nothingText,
  type PlannedStep,
  planEnd,
  type RepairPlan,
  repairJson,
  slotName,
  stepJsonOfPlan,
  stepOfPlan,
} from '../../../format/rerun/plan.ts'
import { progressLine } from '../../../format/rerun/rerun.ts'
import { counted, printable } from '../../../format/text.ts'
import { createLedger } from '../../../ledger.ts'
import { onAbort, systemClock } from '../../../process/clock.ts'
import { operatorOf } from '../../../process/host.ts'
import type { Stops } from '../../../process/signals.ts'
import { factsOf } from '../../../verdict/found.ts'
import { usualTimeOf } from '../../../verdict/repair-plan.ts'
import { type Step, showStep } from '../../../verdict/steps.ts'
import { type CommandContext, isGiven } from '../../options/arguments.ts'
import { misspeltVariables } from '../../options/mistakes.ts'
import { variableOf } from '../../options/options.ts'
import { SUPERVISION_OPTIONS } from '../../options/run-options.ts'
import { printTexts } from '../../output.ts'
import { type LaneScreen, openLaneScreen, showsProgress } from '../../progress.ts'
import { checkBatchCommand } from '../../runner.ts'
import { environmentOfRepair, givenValue, startSupervisor, supervisionWords } from './children.ts'
import { exitCodeOfRepair, type Lanes, runLanes } from './lanes.ts'
import { NO_WAIT, type RepairValues, readJudged, readRepair } from './read.ts'
import { runSlot, type SlotEnd } from './slot.ts'
import { askWith } from './tools.ts'

interface Asked extends Omit<RepairValues, 'reason' | 'by' | 'canAsk'> {
  readonly reason: string | undefined
  readonly by: string | undefined
  readonly dryRun: boolean
  readonly format: 'text' | 'json' | 'commands' | undefined
  readonly json: boolean | undefined
  readonly yes: boolean | undefined
  readonly jobs: number | undefined
  readonly keepGoing: boolean | undefined
  readonly log: 'text' | 'json' | 'quiet' | undefined
}

/** The options that say how a batch is supervised. Those of the ledger and of the log are for each rerun. */
const {
  retentionMs: _,
  ledgerTimeoutMs: __,
  log: ___,
  notify: ____,
  notifyOn: _____,
  notifyFormat: ______,
  ...OF_BATCHES
} = SUPERVISION_OPTIONS

/** Runs the slots of one or several tasks again, or prints the plan. Returns the exit code. */
export async function repair(asked: Asked, context: CommandContext): Promise<number> {
  const { argv, env, stops } = context
  const { dryRun, isOne, batch, jobs = 1 } = asked
  const isTerminal = isatty(0) && isatty(2)
  const by = asked.by ?? operatorOf({ host: hostname() })
  const values = { ...asked, by, canAsk: isTerminal || dryRun }
  const tell = openTeller(asked.log ?? (isatty(2) ? 'text' : 'json'), context.sink)
  const misspelt = misspeltVariables('rerun', { ...asked }, env)
  if (misspelt !== null) tell.say('warn', misspelt)
  const ledger = createLedger({ store: asked.store })
  const kinds = new Set<ErrorKind>()
  const fault = (text: string, kind: ErrorKind) => {
    kinds.add(kind)
    tell.say('error', `left out: ${text}`)
  }
  const plannedAt = systemClock.now()
  const { plan, known } = await readRepair(values, ledger, env, fault, stops.aborted)
  if (dryRun) return showPlan(plan, asked, jobs).then(() => gravestExit(kinds))
  if (isOne && batch === null && plan.leftOut.some(({ why }) => why === 'noCommand') && plan.steps.length === 0)
    checkCommandOf(plan)
  const isHere = plan.steps.some(({ slot }) => slot.place === null)
  const alone = isHere ? undefined : Object.keys(OF_BATCHES).find((name) => isGiven(name, argv))
  if (alone !== undefined && plan.steps.length > 0)
    throw usageError(
      `--${optionName(alone)} has no effect, because no slot runs on this host: the task definition or the CronJob says it. Leave it out.`,
    )
  tell.leftOut(plan)
  const readCode = gravestExit(kinds)
  const hasNoCommand = plan.leftOut.some(({ why }) => why === 'noCommand')
  if (plan.steps.length === 0) {
    tell.say('info', nothingText(plan))
    return readCode || (hasNoCommand ? EXIT.refused : EXIT.ok)
  }
  tell.say('info', headline(plan, jobs))
  const mustAsk = plan.foreign.length > 0 || (!isOne && asked.yes !== true)
  if (mustAsk && !(await confirm(isTerminal, tell, stops))) return exitCodeOfSignal('SIGINT')

  const leave = new AbortController()
  const removeListener = onStop(stops, {
    first: () => tell.say('warn', `Nothing more starts. Waiting for the ${lanes?.running.length ?? 0} that run.`),
    second: () => leave.abort(),
  })
  let lanes: Lanes | null = null
  const isLive = !isHere && asked.log === undefined && showsProgress(env)
  const screen = isLive ? await openLaneScreen(env, Math.min(jobs, plan.steps.length)) : null
  tell.on(screen)
  const ask = askWith(env)
  const planId = randomUUID()
  const environment = environmentOf(asked, by, context)
  const result = await runLanes(
    plan.steps,
    { jobs, keepGoing: asked.keepGoing === true },
    {
      run: (slot) =>
        runSlot(slot, {
          ...{ clock: systemClock, ask, planId, only: asked.status, by, reason: asked.reason },
          ...{ stop: stops.aborted, leave: leave.signal },
          read: (one) => readJudged(one, knownOf(known, one), values, ledger),
          startHere: (one) =>
            startSupervisor([...wordsOf(one, argv), ...supervisionWords(argv)], batch ?? [], environment(one)),
          say: (one, text) => tell.say('info', `${slotName(one)}: ${text}`, { slot: one }),
        }),
      told(slot, end, now) {
        lanes = now
        tellEnd(slot, end, now)
        show(slot, end, now)
      },
      stop: stops.aborted,
      leave: leave.signal,
    },
  )
  removeListener()
  screen?.hide()
  tell.on(null)
  if (leave.signal.aborted)
    tell.say(
      'warn',
      `${counted(result.running.length, 'slot')} still run, and go on to their end: ${result.running.map(slotName).join(', ')}`,
    )
  const due = asked.to === undefined && asked.slot === undefined ? fellDue(known, plannedAt) : []
  if (due.length > 0) tell.say('info', fellDueText(due))
  const stop = stops.first()
  const stopCode = stop === null ? null : exitCodeOfSignal('SIGINT')
  const exitCode = exitCodeOfRepair(result, { readCode, stopCode, hasNoCommand })
  const leftOut = plan.leftOut.length === 0 ? '' : ` Left out: ${plan.leftOut.length}, named above.`
  const counts = { ...result.counts, leftOut: plan.leftOut.length, exitCode }
  tell.say(exitCode === EXIT.ok ? 'info' : 'error', `${countsText(counts)}${leftOut}`, { counts })
  return exitCode

  function tellEnd(slot: PlannedStep, end: SlotEnd | null, { counts }: Lanes): void {
    if (end === null) return
    const left = `(${counts.left} left)`
    const text =
      end.kind === 'done'
        ? end.byOthers
          ? 'done by another run'
          : 'done'
        : end.kind === 'left'
          ? `not run: ${end.why}`
          : `${end.kind === 'unknown' ? 'not known: ' : ''}${end.why}`
    const isWrong = end.kind === 'failed' || end.kind === 'unknown'
    const steps = isWrong ? [showStep('see what happened', { store: plan.store, ...slot })] : []
    tell.say(isWrong ? 'error' : 'info', `${slotName(slot)}: ${text} ${left}`, { slot, steps })
  }

  function show(slot: PlannedStep, end: SlotEnd | null, { counts, running, isLeft }: Lanes): void {
    const total = plan.steps.length
    const done = counts.done + counts.failed + counts.unknown
    if (screen !== null) {
      const leftMs = usualTimeOf(plan.steps, plan.usualMs, jobs, isLeft)
      const time = leftMs === 0 ? '' : `, about ${elapsed(leftMs)} left`
      screen.show(
        done,
        total,
        `${counts.done} done, ${running.length} running, ${counts.failed} failed, ${counts.left - running.length} left${time}`,
        running.map(slotName),
      )
    } else if (end === null && isHere && showsProgress(env) && asked.log !== 'json')
      // The progress goes through the log, which never blocks: a terminal may be stopped (Ctrl-S).
      tell.lines([progressLine(done, total, slot)])
  }
}

function checkCommandOf({ leftOut }: RepairPlan): void {
  if (leftOut.some(({ text }) => text.startsWith('No place'))) checkBatchCommand('rerun', null)
}

function knownOf(known: ReadonlyMap<string, KnownTask>, { task }: PlannedStep): KnownTask {
  const one = known.get(task)
  if (one === undefined) throw new Error(`no record of ${task}`)
  return one
}

/** The batch gets no more of these words, and it may run cronledger, too. */
function wordsOf({ task, waits }: PlannedStep, argv: readonly string[]): readonly string[] {
  return [`--task=${task}`, ...(waits && !isGiven('afterTimeoutMs', argv) ? [`--after-timeout=${NO_WAIT}`] : [])]
}

/** Returns the environment of the process that runs a slot here. A batch does not get what forces a slot. */
function environmentOf(asked: Asked, by: string, { argv, env }: CommandContext) {
  const { slot: named, fresh, ignoreAfter, status, reason, store } = asked
  const kept = environmentOfRepair(env)
  return ({ slot }: PlannedStep) => {
    const own = {
      // As it was given: it may have a password.
      store: givenValue('store', argv) ?? env[variableOf('store')] ?? store,
      ...{ slot: formatInstant(slot), status: status.join(','), reason, by },
      ...(named === undefined && { partOfRepair: 'true' }),
      ...(fresh && { fresh: 'true' }),
      ...(ignoreAfter && { ignoreAfter: 'true' }),
    }
    return { ...kept, ...Object.fromEntries(Object.entries(own).map(([name, value]) => [variableOf(name), value])) }
  }
}

async function showPlan(plan: RepairPlan, { isOne, format, json }: Asked, jobs: number): Promise<void> {
  const form = json ? 'json' : (format ?? 'text')
  async function* texts() {
    for (const step of plan.steps)
      yield form === 'json'
        ? stepJsonOfPlan(step, plan)
        : form === 'text'
          ? stepOfPlan(step, plan, isOne)
          : commandOfPlan(step, plan)
    if (form === 'json') for (const one of plan.leftOut) yield leftOutJson(one)
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
  return [...known.values()].flatMap((record) => {
    const { task, inForce: schedules, gaps } = factsOf(record.task, record, now)
    return [...dueKeys([{ task, schedules, gaps }], since, now)].map(({ slot }) => ({
      ...{ task, slot, zone: record.schedules.at(-1)?.spec.zone ?? 'UTC' },
    }))
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
      write([`cronledger: ${message}`, ...stepLines(more.steps ?? [])].map(printable).join('\n'))
  }
  return {
    say,
    /** For people: a question, and the progress. */
    lines(lines: readonly string[]): void {
      for (const line of lines) write(line)
    },
    /** Names the slots that are left out, with what the operator can do. */
    leftOut({ leftOut, reason }: RepairPlan): void {
      if (format === 'json')
        for (const { text, steps, ...slot } of leftOut) say('warn', `left out: ${text}`, { slot, steps })
      else for (const line of leftOutLines(leftOut, reason)) write(line)
    },
    on(next: LaneScreen | null): void {
      screen = next
    },
  }
}
