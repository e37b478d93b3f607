import { expect, test } from 'vitest'
import type { RunContext } from '../../src/core/event.ts'
import { keysOf } from '../../src/core/objects.ts'
import type { ResolveObjection } from '../../src/core/row/decide.ts'
import { DEFAULT_RERUNNABLE } from '../../src/core/row/policy.ts'
import type { Suspension, TaskRecord } from '../../src/core/task/task-record.ts'
import type { Resolution, Row, StoredRow } from '../../src/core/types.ts'
import { checkSummary } from '../../src/format/check/finding.ts'
import { collectNeeds, needsLines } from '../../src/format/check/needs.ts'
import { logLine } from '../../src/format/log/log.ts'
import {
  countsText,
  doubtfulSlot,
  failedLines,
  fellDueText,
  progressLine,
  type SelectedSlot,
  selectedLines,
  selectedSlot,
  selectionEnd,
} from '../../src/format/rerun/plan.ts'
import { resolvedText, unresolvedText } from '../../src/format/resolve.ts'
import {
  pausedAllText,
  pausedOneText,
  pausedText,
  resumedAllText,
  resumedOneText,
  resumedText,
  retiredText,
} from '../../src/format/task/task-change.ts'
import { shellWord } from '../../src/format/text.ts'
import { LEFT_OUT, type LeftOut } from '../../src/verdict/cautions.ts'
import { isFinding, NO_FINDINGS, type TaskFinding } from '../../src/verdict/judge.ts'
import {
  FAILED,
  judgedAt,
  lastWaiting,
  NOW,
  ON_ECS,
  PAUSE,
  pending,
  recordWith,
  rowOn,
  rowWith,
  SUCCEEDED,
} from '../support/rows.ts'
import { CAUGHT_UP_CONTEXT, CONTEXT, ECS_CONTEXT, EVENTS, FORCED_CONTEXT, onEcs, SLOT, UTC_CONTEXT } from './samples.ts'

// The catalogue of the messages of the program, for a reviewer to read from top to bottom. After a change of a text,
// run this test with `-u` and read the difference.

const LATER = NOW + 14_000

test('the lines of the log, of check and of the commands for operators read as in catalogue.txt', async () => {
  const catalogue = [
    ...section('Log lines of a run', logLines(CONTEXT)),
    ...section('Log lines of a forced run, of a missed slot, in UTC, and on ECS', [
      ...(['claimed', 'refused', 'withdrawn'] as const).map((event) => line(event, FORCED_CONTEXT)),
      line('claimed', CAUGHT_UP_CONTEXT),
      line('claimed', UTC_CONTEXT),
      ...onEcsLines(),
    ]),
    ...section('Log lines of the rerun of a range', rerunLines()),
    ...section('check, below the findings', checkLines()),
    ...section('resolve', resolveLines()),
    ...section('pause, resume and retire', taskChangeLines()),
  ].flatMap((text) => text.split('\n'))
  await expect(`${withoutRepetitions(catalogue).join('\n')}\n`).toMatchFileSnapshot('catalogue.txt')
})

/** Only names the lines below a message that stand above in the same form. The others stand in full. */
function withoutRepetitions(lines: readonly string[]): readonly string[] {
  const known = new Map<string, string>()
  const shown: string[] = []
  let ofTask = ''
  for (const line of lines) {
    const [, task] = /^([\w ]+):$/.exec(line) ?? []
    if (task !== undefined) ofTask = ` --task ${shellWord(task)} `
    const step = line.trim().replace(/: {2,}/, ': ')
    const text = ofTask === '' ? step : step.replace(ofTask, ' --task TASK ')
    const name = /^.+?(?=: (?:cronledger|aws) )/.exec(text)?.[0] ?? text.split(' ').slice(0, 5).join(' ')
    const isRepeated = line.startsWith('  ') && known.get(name) === text
    const last = shown.at(-1)
    if (!isRepeated) shown.push(line)
    else if (last?.startsWith('  as above: ')) shown[shown.length - 1] = `${last} | ${name}`
    else shown.push(`  as above: ${name}`)
    known.set(name, text)
  }
  return shown
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [`## ${title}`, '', ...lines, '']
}

function line(event: keyof typeof EVENTS, context: RunContext): string {
  const [first] = EVENTS[event]
  if (first === undefined) throw new Error(`no sample of ${event}`)
  return logLine(first, context, 'text', LATER) ?? ''
}

function logLines(context: RunContext): readonly string[] {
  return Object.entries(EVENTS).flatMap(([name, events]) => [
    `# ${name}`,
    ...events.map((event) => logLine(event, context, 'text', LATER) ?? ''),
    '',
  ])
}

/** The steps that are commands of AWS: of a failure, of what runs, and of a slot that never started. */
function onEcsLines(): readonly string[] {
  const failed = EVENTS.ended.find((event) => event.event === 'ended' && event.attempt.outcome === 'failed')
  const [running] = EVENTS.refused
  return [failed, running, ...EVENTS.unusable].flatMap((event) =>
    event === undefined ? [] : [logLine(onEcs(event), ECS_CONTEXT, 'text', LATER) ?? ''],
  )
}

function rerunLines(): readonly string[] {
  const none = { done: 0, byOthers: 0, failed: 0, unknown: 0, left: 0, leftOut: 0 }
  const left = rowWith({ ending: { ...FAILED, process: { pid: 4711, boot: 'b' } } })
  const rows = { missed: null, failed: left, stale: pending(rowWith({})), completed: rowWith({ ending: SUCCEEDED }) }
  const store = 'dynamodb:cronledger'
  const planned = keysOf(rows).map((why) => selectedSlot(judgedAt(NOW + 86_400_000, rows[why]), why))
  const [missed, failed, stale] = planned
  if (missed === undefined || failed === undefined || stale === undefined) throw new Error('unreachable')
  const end = (slots: readonly SelectedSlot[], leftOut: readonly LeftOut[] = []) =>
    selectionEnd(slots, { only: DEFAULT_RERUNNABLE, leftOut: leftOut.map((why) => doubtfulSlot(missed, why, store)) })
  return [
    progressLine(1, 4, missed),
    countsText({ ...none, done: 4, byOthers: 1 }),
    countsText({ ...none, done: 1, failed: 1, unknown: 1, left: 2, leftOut: 3 }),
    ...failedLines([{ one: { ...failed, place: null, options: {} }, text: 'exit code 3' }], store),
    fellDueText([missed]),
    ...planned.map((one) => selectedLines(one, store)),
    ...end([missed, failed], keysOf(LEFT_OUT)),
    ...end([stale]),
    ...end([]),
  ]
}

/** Returns the finding of a slot, by the times that make it one. */
function findingAt(row: StoredRow | null, more: Parameters<typeof judgedAt>[2] = {}, dayOfSlot = 0): TaskFinding {
  const { schedule, task } = CONTEXT
  const slot = SLOT + dayOfSlot * 86_400_000
  const own = row && ({ ...row, task, slot, ...('schedule' in row && { schedule }) } as StoredRow)
  const record = { ...recordWith([]), ...more.record, schedules: [{ since: SLOT - 10 * 86_400_000, spec: schedule }] }
  const times = { lateAfterMs: 1_000, ...more, task: more.task ?? task, slot, record }
  const found = judgedAt(LATER + 10_800_000, own && { ...own, task: times.task }, times)
  if (!isFinding(found)) throw new Error('the slot needs no attention')
  return found
}

const OVERDUE = { doneByMs: 3_600_000, graceMs: 86_400_000 }
const EXPECT = { record: recordWith([], { expectations: { since: 0, expect: 'rows>=1' } }) }
const LIVE = { ...pending(rowWith({})), leaseUntil: LATER + 86_400_000 }

/** Returns a sample of each finding, of a task with this name and record. */
function findings(more: Parameters<typeof judgedAt>[2] = {}): readonly TaskFinding[] {
  const { task } = CONTEXT
  const onEcs = more.record?.place ? (row: Row) => rowOn(ON_ECS, row) : (row: Row) => row
  const of = (row: Row | null, own: Parameters<typeof judgedAt>[2] = {}) =>
    findingAt(row && onEcs(row), { ...more, ...own, record: { ...recordWith([]), ...more.record, ...own.record } })
  const unread = (row: StoredRow) => findingAt(row, more)
  return [
    of(null),
    of(null, { doubt: { after: SLOT - 86_400_000, until: SLOT + 86_400_000 } }),
    of(rowWith({ ending: FAILED })),
    of(rowWith({})),
    of(lastWaiting(rowWith({}))),
    of(LIVE, OVERDUE),
    of({ ...lastWaiting(rowWith({})), leaseUntil: LIVE.leaseUntil }, OVERDUE),
    of(null, OVERDUE),
    unread({ task, slot: SLOT, schemaVersion: 99, newerSchema: true as const }),
    unread({
      task,
      slot: SLOT,
      damage: `row ${task} 2026-11-24T03:00:00Z is damaged: version is 0. Correct it in the ledger.`,
    }),
    of(rowWith({ ending: SUCCEEDED }), EXPECT),
    of(rowWith({ ending: SUCCEEDED })),
  ]
}

const CHECKED = 'dynamodb:cronledger'

function checkLines(): readonly string[] {
  const { needs, ...collected } = collectNeeds()
  const add = (found: TaskFinding, task: string) => collected.add({ ...found, task, of: { ...found.of, task } })
  const onEcs = { record: recordWith([], { place: ON_ECS, placeSince: SLOT }) }
  const owned = { record: recordWith([], { expectations: { since: SLOT, owner: 'https://wiki.example.org/nightly' } }) }
  for (const found of [...findings(), findingAt(null, {}, -1)]) add(found, 'several')
  for (const found of [...findings(onEcs), findingAt(null, onEcs, -1)]) add(found, 'several on ECS')
  for (const found of findings(owned).slice(0, 1)) add(found, 'owned')
  for (const found of findings().slice(-2, -1)) add(found, 'unusual')
  const checked = {
    since: NOW - 7 * 86_400_000,
    until: NOW + 1,
    now: NOW,
    zone: 'Asia/Tokyo',
    of: undefined,
    mayHideTasks: false,
  }
  const ofOneRole = { ...checked, mayHideTasks: true }
  return [
    checkSummary(NO_FINDINGS, { ...checked, until: NOW - 86_400_000 }),
    checkSummary(NO_FINDINGS, { ...checked, of: 'pay/*' }),
    checkSummary(NO_FINDINGS, ofOneRole),
    checkSummary({ ...NO_FINDINGS, late: 1 }, ofOneRole),
    checkSummary({ ...NO_FINDINGS, missed: 2, failed: 1 }, checked),
    ...needsLines(needs, CHECKED),
  ]
}

function resolveLines(): readonly string[] {
  const row = rowWith({})
  const refused: Readonly<Record<ResolveObjection, StoredRow | null>> = {
    running: row,
    completed: rowWith({ ending: SUCCEEDED }),
    newerRow: { task: row.task, slot: row.slot, schemaVersion: 99, newerSchema: true },
    tooManyResolutions: row,
    otherRun: row,
    survivor: row,
    notDue: null,
  }
  const common = { store: CONTEXT.store, task: row.task, slot: row.slot, runId: 'me' }
  const answer = (cause: ResolveObjection, found: StoredRow | null, state: Resolution['state'] = 'COMPLETED') => {
    const survivor = cause === 'survivor' ? { pid: 4711, command: 'batch.sh' } : null
    return unresolvedText({ kind: 'refused', cause, row: found, survivor }, { ...common, state })
  }
  const byHand: Resolution = { state: 'COMPLETED', at: LATER, by: 'ada', reason: 'checked by hand', afterAttempt: 1 }
  const resolved = (state: Row['state']) =>
    resolvedText({ ...row, state, resolutions: [byHand] } as Row, 'COMPLETED', byHand.reason)
  return [
    resolved('COMPLETED'),
    resolved('FAILED'),
    resolved('PENDING'),
    ...keysOf(refused).map((cause) => answer(cause, refused[cause])),
    answer('completed', refused.completed, 'SKIPPED'),
    answer('otherRun', null),
  ]
}

const UNTIL = SLOT + 7_200_000
const ENDED = { at: LATER, by: 'bob', reason: 'resumed' }
const RETIREMENT: Suspension = { ...PAUSE, from: SLOT - 86_400_000, reason: 'replaced by nightly-v2' }
const PLANNED: Suspension = { ...PAUSE, from: SLOT + 86_400_000, until: SLOT + 90_000_000, reason: 'holiday' }

function taskChangeLines(): readonly string[] {
  const { task, store, schedule } = CONTEXT
  const report = (suspensions: readonly Suspension[], more: Partial<TaskRecord>, changed = true) => ({
    store,
    task,
    zone: schedule.zone,
    now: LATER,
    changed,
    suspensions,
    record: recordWith([{ since: SLOT, spec: schedule }], more),
  })
  const retired = report([RETIREMENT], { retirements: [RETIREMENT] })
  const [ended, cancelled] = [
    { ...PAUSE, until: LATER, ended: ENDED },
    { ...PLANNED, until: PLANNED.from, ended: ENDED },
  ]
  const revived = { ...RETIREMENT, until: LATER, ended: ENDED }
  return [
    pausedText(report([PAUSE], { pauses: [PAUSE, PLANNED] })),
    pausedText(report([PLANNED], { pauses: [PLANNED] })),
    pausedText(report([{ ...PAUSE, from: SLOT - 86_400_000, until: UNTIL }], {})),
    retiredText(retired, { count: 1, isMore: false }),
    retiredText(retired, { count: 10_000, isMore: true }),
    retiredText(report([{ ...RETIREMENT, from: UNTIL }], {}), { count: 0, isMore: false }),
    retiredText({ ...retired, changed: false }, null),
    resumedText(report([ended, cancelled], { pauses: [ended, cancelled] })),
    resumedText(report([cancelled], { pauses: [cancelled] })),
    resumedText(report([revived], { retirements: [revived] })),
    resumedText(report([{ ...ended, until: UNTIL }], { pauses: [ended] })),
    resumedText(report([], {}, false)),
    pausedText(report([{ ...PAUSE, from: SLOT - 86_400_000, until: SLOT }], {})),
    pausedOneText(report([PAUSE], {})),
    pausedOneText(report([], {})),
    pausedAllText({ store, changed: 2, failed: ['weekly'], isOpen: true, mayHideTasks: true }),
    pausedAllText({ store, changed: 1, failed: [], isOpen: false, mayHideTasks: false }),
    ...[report([ended], { pauses: [ended] }), report([], { retirements: [RETIREMENT] }, false)].map((one) =>
      String(resumedOneText(one)),
    ),
    resumedAllText({ store, changed: 2, failed: ['weekly', 'monthly'], mayHideTasks: true }),
  ]
}
