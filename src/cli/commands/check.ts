import type { CheckOptions } from '../../api.ts'
import type { Note } from '../../audit/check.ts'
import { isFaultOfTask, type LedgerError, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { formatInstant } from '../../core/instant.ts'
import { optionName } from '../../core/option.ts'
import type { TimeRange } from '../../core/schedule/time-range.ts'
import type { Instant } from '../../core/types.ts'
import { checkSummary, findingJson, totalOf } from '../../format/check/finding.ts'
import { toldLines } from '../../format/check/told.ts'
import { zonedTime } from '../../format/local-time.ts'
import { healthMetrics } from '../../format/metrics/openmetrics.ts'
import type { Screen } from '../../format/table.ts'
import { counted, jsonArray, printable, safeJson } from '../../format/text.ts'
import { createLedger, type TellingLedger } from '../../ledger.ts'
import { systemClock, withDeadline } from '../../process/clock.ts'
import { NOTIFY_TIMEOUT_MS } from '../../process/notifier.ts'
import { describeStore } from '../../store/open.ts'
import { FINDING_KINDS, type FindingKind, type JudgedSlot } from '../../verdict/judge.ts'
import { collectProblems } from '../../verdict/problems.ts'
import { OTHER_COMMAND, otherPlaceText } from '../../verdict/sentence.ts'
import { readBoundedRange, wantedTasks, zoneOfTerminal } from '../lookup.ts'
import { type CommandContext, defineCommand, isGiven, type Values } from '../options/arguments.ts'
import { formatOf } from '../options/format.ts'
import { openNotify } from '../options/notify.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print, printAll, screenOf } from '../output.ts'
import { openProgress, type Progress } from '../progress.ts'
import { openTeller } from './check/notifications.ts'
import { type Deliver, type Tidings, tellOnce } from './check/once.ts'
import { findingsText } from './check/text.ts'

type CheckValues = Values<typeof help.options>

const help = {
  name: 'check',
  summary: `Find missed, failed, stale, overdue, late and unusual slots, and records that cannot be read. Exits with ${EXIT.found} if there are any, so that a cron job or CI can raise an alarm.`,
  options: {
    store: COMMON.store,
    task: COMMON.someTasks,
    owner: COMMON.onlyOwner,
    status: { ...COMMON.status, choices: FINDING_KINDS },
    since: { ...COMMON.since, otherwise: '7d' },
    until: COMMON.until,
    timezone: COMMON.rangeZone,
    commands: { kind: 'switch', help: 'Print the commands for each task; for one task, always' },
    once: {
      kind: 'text',
      value: 'NAME',
      isFlagOnly: true,
      help: 'Tell NAME each problem once: what is new, what has joined, and what is over',
      details: `NAME is the receiver, such as ops. The ledger remembers what was told, so run it often. Exits with ${EXIT.found} if something is new or has joined.`,
    },
    format: {
      ...COMMON.format,
      choices: ['text', 'json', 'openmetrics'],
      help: 'Output format; openmetrics is for Prometheus',
      details: 'json is one array.',
    },
    json: COMMON.json,
    notify: COMMON.notify,
    notifyFormat: COMMON.notifyFormat,
    notifyOn: {
      ...COMMON.notifyOn,
      otherwise: 'all',
      help: `Notify only about ${[...FINDING_KINDS, 'recovered'].join(', ')}`,
      details: 'recovered: what --once has told is over. A check sends no other kinds.',
    },
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    ['cronledger check --store dynamodb:cronledger', 'all tasks of the last seven days'],
    [
      "cronledger check … --once ops --notify 'mail -s cronledger ops@example.org'",
      'what is new, has joined and is over since the last such check',
    ],
    ["cronledger check 'pay/*' … --since yesterday --commands", 'some tasks, with what to do about each'],
    [
      "cronledger check … --notify 'curl -sSf -d @- https://example.org/hook'",
      'send what was found to a webhook, as one message',
    ],
  ],
  notes: `Exit codes: ${EXIT.ok} nothing found, ${EXIT.found} something found, otherwise as in run.`,
} as const satisfies CommandHelp

export const check = defineCommand(help, async (values, context) => {
  const { argv, env, stops, sink } = context
  const now = systemClock.now()
  const format = formatOf<CheckFormat>(values, argv, help.options.format.default)
  const ledger = createLedger({ store: values.store })
  const wanted = wantedTasks(values)
  const { since, until } = await readBoundedRange({ ...values, ...wanted }, ledger, now, help.options.since.otherwise)
  const isOne = wanted.task !== undefined
  const progress = isOne ? null : await openProgress(env)
  stops.aborted.addEventListener('abort', () => progress?.hide())
  const notes: Note[] = []
  const options = {
    ...values,
    ...wanted,
    emitNote: (note: Note) => notes.push(note),
    progress: progress === null ? undefined : drawn(progress, since, until),
    since: new Date(since),
    until: new Date(until),
  }
  const asking = { ledger, options, now, progress }
  let hasFound: boolean
  try {
    if (values.once !== undefined) return await printOnce(values.once, asking, values, format, context)
    hasFound = await (format === 'openmetrics'
      ? printMetrics(asking, context)
      : printFindings(asking, values, format, context))
  } finally {
    for (const note of notes) sink.write(printable(`cronledger: warning: ${noteText(note)}`))
  }
  // Another account is a lasting mistake, so the exit code reports it, too.
  return hasFound || notes.some(({ what }) => what === 'account') ? EXIT.found : EXIT.ok
})

type CheckFormat = (typeof help.options)['format']['choices'][number]

interface Asking {
  readonly ledger: TellingLedger
  readonly options: CheckOptions & { readonly since: Date; readonly until: Date }
  readonly now: Instant
  readonly progress: Progress | null
}

async function printMetrics({ ledger, options, progress }: Asking, { argv }: CommandContext): Promise<boolean> {
  const ignored = ['notify', 'notifyFormat', 'notifyOn'].find((name) => isGiven(name, argv))
  if (ignored !== undefined) {
    throw usageError(`--${optionName(ignored)} has no effect with --format openmetrics. Leave it out.`)
  }
  let hasFound = false
  async function* healths() {
    for await (const health of ledger.health(options)) {
      hasFound ||= totalOf(health.findings) > 0
      yield health
    }
  }
  await printAll(withProgress(progress, healthMetrics(healths())))
  return hasFound
}

async function printOnce(
  name: string,
  { ledger, options, now, progress }: Asking,
  values: CheckValues,
  format: CheckFormat,
  { argv, env, stops, sink }: CommandContext,
): Promise<number> {
  const without = ['until', 'commands'].find((option) => isGiven(option, argv))
  if (without !== undefined) throw usageError(`--${without} has no effect with --once. Leave it out.`)
  if (format === 'openmetrics') throw usageError('--once has no effect with --format openmetrics. Leave it out.')
  const notify = openNotify(values, { argv, env }, [...FINDING_KINDS, 'recovered'])
  stops.aborted.addEventListener('abort', () => notify?.kill())
  const { store, task, owner, status } = values
  const notifyOn = notify === null ? undefined : values.notifyOn
  const open = notifyOn === undefined || notifyOn.some((kind) => kind !== 'recovered')
  const wants = { open, over: notify === null || notify.wants('recovered') }
  const isKind = (kind: FindingKind) =>
    status?.includes(kind) !== false && (notify === null || !open || notify.wants(kind))
  const zone = values.timezone ?? zoneOfTerminal()
  const show = async ({ telling, messages }: Tidings) => {
    progress?.hide()
    const lines = toldLines(telling, screenOf(env), now)
    if (format === 'json') await print(safeJson(messages))
    else if (lines.length > 0) await print(lines.join('\n'))
  }
  /** Without a command, what is printed is the message. */
  const deliver: Deliver = async (tidings, ms) => {
    if (notify === null) await show(tidings)
    const whys = notify && (await Promise.all(tidings.messages.map((digest) => notify.deliver(digest, ms))))
    return new Map(
      (whys ?? []).flatMap((why, index) => (why === null ? [] : [[String(tidings.messages[index]?.number), why]])),
    )
  }
  const once = { name, store, task, owner, status, notifyOn, zone, now, wants, isKind }
  const told = await tellOnce(ledger, { ...options, now: new Date(now) }, once, deliver)
  if (notify !== null) await show(told)
  const checked = checkedOf(values, { since: options.since.getTime(), until: options.until.getTime(), now })
  const more = told.unread === 0 ? '' : `, and ${counted(told.unread, 'task')} could not be read`
  if (format === 'text') await print(`${checkSummary(told.count, checked)}${more}`)
  for (const why of told.failures)
    sink.write(
      printable(`cronledger: a message was not sent: ${why}. The next check with --once ${name} sends it again.`),
    )
  return told.hasNews || told.failures.length > 0 ? EXIT.found : EXIT.ok
}

async function printFindings(
  { ledger, options, now, progress }: Asking,
  values: CheckValues,
  format: 'text' | 'json',
  { argv, env, stops, sink }: CommandContext,
): Promise<boolean> {
  const notify = openNotify(values, { argv, env }, FINDING_KINDS)
  const teller = notify && openTeller(notify, values, options.since.getTime(), now)
  // A stop ends this process at once. We must kill the notifications, otherwise they would go on without it.
  stops.aborted.addEventListener('abort', () => notify?.kill())
  const [since, until] = [options.since.getTime(), options.until.getTime()]
  const checked = checkedOf(values, { since, until, now })
  const isWanted = ({ kind }: JudgedSlot) => kind !== null && values.status?.includes(kind) !== false
  const { add, count, problems } = collectProblems()
  const emitSlot = (one: JudgedSlot) => {
    add(one, isWanted(one))
    teller?.add(one)
  }
  let fault: LedgerError | null = null
  /** An error of a task is thrown after the findings and their summary. Without findings, a summary would say "no problems". */
  async function* found() {
    try {
      for await (const finding of ledger.check({ ...options, emitSlot })) if (isWanted(finding)) yield finding
    } catch (error) {
      if (totalOf(count()) === 0 || !isFaultOfTask(error)) throw error
      fault = error
    }
  }
  const screen = screenOf(env)
  const pieces =
    format === 'json'
      ? jsonArray(found(), (finding) => safeJson(findingJson(finding, values.store)))
      : findingsText(found(), problems, {
          store: values.store,
          commands: values.commands,
          scope: scopeOf(values, screen, argv),
          screen,
          now,
          summary: () => checkSummary(count(), checked),
        })
  try {
    // Notifications must be sent even if the reader of standard output has gone away.
    await printAll(withProgress(progress, pieces), { toTheEnd: notify !== null })
  } finally {
    teller?.end()
    const warning = notify === null ? null : await withDeadline(systemClock, NOTIFY_TIMEOUT_MS, [], notify.end)
    if (warning !== null) sink.write(printable(`cronledger: ${warning}`))
  }
  if (fault !== null) throw fault
  return totalOf(count()) > 0
}

function checkedOf(
  { store, task, owner, timezone }: CheckValues,
  range: Required<TimeRange> & { readonly now: Instant },
) {
  return {
    ...range,
    zone: timezone ?? zoneOfTerminal(),
    of: owner === undefined ? task : `${task ?? 'the tasks'} of ${owner}`,
    mayHideTasks: describeStore(store).mayHideTasks && task === undefined,
  }
}

/** On a terminal, the command to paste leaves out a ledger that the environment names. */
function scopeOf({ store, task, owner, status, until }: CheckValues, screen: Screen, argv: readonly string[]) {
  const isKnown = screen.columns !== null && !isGiven('store', argv)
  return { store: isKnown ? undefined : store, task, owner, status, isOpen: until === undefined }
}

function noteText(note: Note): string {
  const { task, slot, zone } = note
  if (note.what === 'clock')
    return `${task}: in ${zonedTime(slot, zone)}, an attempt on ${note.host} has the time ${zonedTime(note.at, zone)}, which is in the future. The clock of ${note.host} was ahead, or that of this host is behind: correct it.`
  if (note.what === 'command')
    return `${task}: in ${zonedTime(slot, zone)}, a duplicate trigger had another command line. ${OTHER_COMMAND} Give each batch a name of its own.`
  return `${task}: two batches have this name: in ${zonedTime(slot, zone)}, ${otherPlaceText(note, 'a duplicate trigger')}. Only the first one in each slot runs. Give each a name of its own, such as prod/${task}.`
}

/** A bar that is gone after a moment is only a flicker. */
const FIRST_DRAW_MS = 500
/** A shorter time makes no visible difference, and to draw at each slot would take longer than to check it. */
const REDRAW_MS = 100

/** Returns a callback that draws the progress of a check of several tasks. The newest slot comes first. */
function drawn(progress: Progress, since: Instant, until: Instant): (task: string, slot: Date) => void {
  let nextMs = systemClock.monotonicMs() + FIRST_DRAW_MS
  return (task, slot) => {
    const nowMs = systemClock.monotonicMs()
    if (nowMs < nextMs) return
    nextMs = nowMs + REDRAW_MS
    progress.show(until - slot.getTime(), until - since, `${task} ${formatInstant(slot.getTime())}`)
  }
}

/** Hides the bar before each piece, which may go to the same terminal, and at the end, also after an error. */
async function* withProgress(progress: Progress | null, pieces: AsyncIterable<string>) {
  try {
    for await (const piece of pieces) {
      progress?.hide()
      yield piece
    }
  } finally {
    progress?.hide()
  }
}
