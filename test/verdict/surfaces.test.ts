import { expect, test } from 'vitest'
import { readLaterOf } from '../../src/audit/ranges.ts'
import { LOOKED_AT } from '../../src/audit/walk.ts'
import { lastSlots } from '../../src/cli/commands/tasks.ts'
import type { RunEvent } from '../../src/core/event.ts'
import { isKeyOf, keysOf } from '../../src/core/objects.ts'
import { decide, decideResolution, rerunnableAs } from '../../src/core/row/decide.ts'
import { DEFAULT_SKEW_MS } from '../../src/core/row/policy.ts'
import { readableRow } from '../../src/core/row/status.ts'
import type { StoredDocument } from '../../src/core/row/stored-fields.ts'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import type { TaskRecord } from '../../src/core/task/task-record.ts'
import type { Place, Row, Status } from '../../src/core/types.ts'
import { findingJson } from '../../src/format/check/finding.ts'
import { collectNeeds, needsLines } from '../../src/format/check/needs.ts'
import { commandText, stepJson } from '../../src/format/command-line.ts'
import { csvColumns, sourceOf, tableColumns } from '../../src/format/history/columns.ts'
import { zonedTime } from '../../src/format/local-time.ts'
import { logObject } from '../../src/format/log/log.ts'
import { slotLine } from '../../src/format/slot/row.ts'
import { type ShownSlot, showJson, shownSlot, showText } from '../../src/format/slot/show.ts'
import { nextTriggerText } from '../../src/format/verdict.ts'
import { readMethods } from '../../src/ledger.ts'
import { systemClock } from '../../src/process/clock.ts'
import { writeRecord } from '../../src/run/task/task-record.ts'
import { factsOf, namedSlot } from '../../src/verdict/found.ts'
import { judge, NO_FINDINGS, type TaskFinding } from '../../src/verdict/judge.ts'
import { isSettled, REMARKS, type RemarkName } from '../../src/verdict/remarks.ts'
import type { SlotSituation } from '../../src/verdict/situations.ts'
import { neededSteps } from '../../src/verdict/steps.ts'
import { verdictOf } from '../../src/verdict/verdict.ts'
import type { AppOptions } from '../../src/web/server/answers.tsx'
import { beginNeeds } from '../../src/web/server/read/needs.ts'
import { readOverview } from '../../src/web/server/read/overview.ts'
import { readRecent, readTask, readTaskPage } from '../../src/web/server/read/task.ts'
import { MARKS } from '../../src/web/views/frame/marks.ts'
import { ledgerOf, numbers, NOW as RANDOM_NOW, SINCE as RANDOM_SINCE } from '../audit/random-ledger.ts'
import { pagesOf } from '../support/pages/app.ts'
import { ON_KUBERNETES } from '../support/places.ts'
import { runs } from '../support/random.ts'
import {
  CONTEXT,
  FAILED,
  FORCED,
  lastWaiting,
  laterRow,
  NOT_STARTED,
  ON_ECS,
  PAUSE,
  pending,
  recordWith,
  resolvedAs,
  rowOn,
  rowWith,
  SUCCEEDED,
} from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

const HOUR_MS = 3_600_000
const CALL = { signal: new AbortController().signal }
const STORE = 'dynamodb:cronledger'
const { slot, schedule } = rowWith({})

const SINCE = slot - 24 * HOUR_MS
const DECIDED = { at: slot, by: 'ada', reason: 'x' }

interface Situation {
  readonly row?: Row
  readonly covering?: Row
  readonly raw?: StoredDocument
  readonly afterMs?: number
  readonly record?: Partial<TaskRecord>
  /** Only `show` has a slot that was not due. */
  readonly isLeftOutOf?: 'pages'
  readonly isFinding?: true
}

const RANGED = { expectations: { since: SINCE, sinceLastSuccess: true } } as const
const RAW = { ...encodeRow(rowWith({})), version: 1 }

const CASES: Readonly<Record<SlotSituation | RemarkName, Situation>> = {
  unusual: {
    row: rowWith({ ending: { ...SUCCEEDED, report: '{"rows":0}' } }),
    record: { expectations: { since: slot, expect: 'rows>=1' } },
    isFinding: true,
  },
  late: {
    row: rowWith({ ending: SUCCEEDED }),
    record: { expectations: { since: slot, lateAfterMs: 1_000 } },
    isFinding: true,
  },
  scheduled: { afterMs: -HOUR_MS },
  due: { afterMs: 60_000 },
  missed: { isFinding: true },
  doubtful: {
    record: {
      schedules: [
        { since: SINCE, spec: schedule },
        { since: slot + 30 * HOUR_MS, spec: { expression: '0 9 * * *', zone: 'UTC' } },
      ],
    },
    afterMs: 31 * HOUR_MS,
    isFinding: true,
  },
  declared: { record: { schedules: [{ since: slot, spec: schedule, declared: 'unconfirmed' }] }, isFinding: true },
  notExpected: { record: { pauses: [{ ...PAUSE, from: slot, until: slot + 1_000 }] }, isLeftOutOf: 'pages' },
  waiting: { row: lastWaiting(rowWith({})), afterMs: 60_000 },
  running: { row: rowWith({}), afterMs: 60_000 },
  silent: { row: rowWith({}), afterMs: 610_000 },
  stale: { row: rowWith({}), isFinding: true },
  failed: { row: rowWith({ ending: FAILED }), isFinding: true },
  notStarted: { row: rowWith({ ending: NOT_STARTED }), isFinding: true },
  completed: { row: rowWith({ ending: SUCCEEDED }) },
  repaired: { row: rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }) },
  marked: { row: resolvedAs('COMPLETED') },
  repeatedStale: { row: rowWith({ ending: SUCCEEDED }, { trigger: FORCED }), isFinding: true },
  repeated: { row: rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }), isFinding: true },
  skipped: { row: resolvedAs('SKIPPED') },
  covered: {
    covering: laterRow(rowWith({ ending: SUCCEEDED })),
    // The runs after it have no range any more.
    record: {
      changes: [{ ...DECIDED, from: slot + 25 * HOUR_MS, before: { sinceLastSuccess: 'on' }, after: {} }],
    },
    afterMs: 26 * HOUR_MS,
  },
  inRun: {
    covering: laterRow({ ...pending(rowWith({})), leaseUntil: slot + 30 * HOUR_MS }),
    record: RANGED,
    afterMs: 25 * HOUR_MS,
  },
  newer: { raw: { ...RAW, schemaVersion: 9 }, isFinding: true },
  damaged: { raw: { ...RAW, state: 'odd' }, isFinding: true },
}

/** A claim that gave way to a later run counts as no row. */
const GAVE_WAY = { row: rowWith({ ending: { ...NOT_STARTED, gaveWayTo: slot + 24 * HOUR_MS } }) }
const ALL_CASES = [
  ...keysOf(CASES).map((name) => [name, CASES[name]] as const),
  ...(['missed', 'covered', 'inRun'] as const).map((name) => [name, { ...CASES[name], ...GAVE_WAY }] as const),
]

const slotAddress = (task: string, at: number) => `/slot?task=${task}&slot=${new Date(at).toISOString()}`
const textOf = (html: string) =>
  html
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')

function expectSaid(text: string, { verdict }: ShownSlot) {
  expect(text).toContain(verdict.workText)
  expect(text).toContain(nextTriggerText(verdict))
  if (verdict.caution !== null) expect(text).toContain(verdict.caution)
  for (const { command } of neededSteps(verdict.steps, 'record')) expect(text).toContain(commandText(command))
}

async function surfaces(
  { row, covering: by, raw, record: more, isLeftOutOf }: Situation,
  now: number,
  place: Place | null,
) {
  const store = memoryStore()
  if (row !== undefined) await store.put(place === null ? row : rowOn(place, row), 'absent', CALL)
  if (by !== undefined) await store.put(place === null ? by : rowOn(place, by), 'absent', CALL)
  if (raw !== undefined) store.writeRaw(raw)
  const record = recordWith([{ since: SINCE, spec: schedule }], {
    ...(place !== null && { place, placeSince: SINCE }),
    ...more,
  })
  await writeRecord('nightly', record, 'absent', store, CALL)
  const clock = { ...systemClock, now: () => now }
  const deps = { store, clock, pageTimeoutMs: 9_000, signals: [] }
  const ledger = readMethods(async () => deps) as AppOptions['ledger']
  const own = await ledger.get({ task: 'nightly', slot: new Date(slot) })
  const of = factsOf('nightly', record, now)
  const later = await readLaterOf(slot, own, of, ledger.history)
  const shown = shownSlot(judge(namedSlot(slot, own, of, { later }), of), STORE)
  const page = await pagesOf(ledger, STORE, now)(slotAddress('nightly', slot))
  const found: Record<string, unknown>[] = []
  const needs = collectNeeds()
  for await (const one of ledger.check({ since: new Date(slot), until: new Date(slot + HOUR_MS) })) {
    found.push(findingJson(one, STORE))
    needs.add(one)
  }
  return {
    shown,
    pages: isLeftOutOf === undefined ? [textOf(page)] : [],
    advised: needsLines(needs.needs, STORE).join('\n'),
    found,
  }
}

// promise: covered-slot
test.each(
  ALL_CASES.flatMap(([name, situation]) => [
    [name, 'a host', null, situation],
    [name, 'ECS', ON_ECS, situation],
    [name, 'Kubernetes', ON_KUBERNETES, situation],
  ]) as [SlotSituation | RemarkName, string, Place | null, Situation][],
)('show, check, the page and JSON say the same of a slot: %s, on %s', async (name, _, place, situation) => {
  const { shown, pages, advised, found } = await surfaces(situation, slot + (situation.afterMs ?? HOUR_MS), place)
  const { verdict } = shown
  expect(isKeyOf(name, REMARKS) ? keysOf(shown.remarks) : verdict.situation).toEqual(
    isKeyOf(name, REMARKS) ? [name] : name,
  )
  const { status } = verdict
  const json = JSON.parse(showJson(shown))
  expect([json.status, json.work]).toEqual([status, verdict.work])
  for (const text of [showText(shown), ...pages]) expectSaid(text, shown)
  if (status !== null) for (const text of pages) expect(text).toContain(MARKS[shown.mark].word)
  const { work, nextTrigger, happened, caution, steps } = json
  if (situation.isFinding) {
    if (verdict.caution !== null) expect(advised).toContain(verdict.caution)
    for (const { command } of neededSteps(verdict.steps)) expect(advised).toContain(commandText(command))
  }
  const said = { status, work, nextTrigger, happened, ...(caution && { caution }), ...(steps && { steps }) }
  expect(found).toEqual(situation.isFinding ? [expect.objectContaining(said)] : [])
})

const LEDGERS = runs(6, 400)
const DATE = tableColumns([]).find(({ heading }) => heading === 'LOCAL TIME') ?? expect.unreachable()
const BAD = new Set<Status | null>(['missed', 'failed', 'stale', 'overdue', 'unknown'])
const POLICY = { maxLatenessMs: null, skewMs: DEFAULT_SKEW_MS }

function logged({ task, slot, row, schedule, target }: ShownSlot, { expectations }: TaskRecord, maxAttempts: number) {
  const trigger = { kind: 'scheduled', eventTime: slot, source: 'event-time' } as const
  const facts = { now: RANDOM_NOW, survivor: null, objection: null }
  const decision = decide(row, { ...trigger, slot }, { ...POLICY, maxAttempts }, facts)
  if (decision.kind !== 'duplicate' && decision.kind !== 'refused') return null
  const at = { task, trigger, window: { slot, end: null }, store: STORE, maxAttempts, ...expectations }
  const context = {
    ...CONTEXT,
    ...at,
    ...(schedule && { schedule }),
    ...(target.place && { place: target.place as Place }),
  }
  const event = { event: decision.kind, ...decision, noted: true } as RunEvent
  return logObject(event, context, RANDOM_NOW)
}

function objection({ slot, row }: ShownSlot) {
  const facts = { slot, state: 'COMPLETED', now: RANDOM_NOW, skewMs: DEFAULT_SKEW_MS } as const
  const decision = decideResolution(row, facts)
  return decision.kind === 'refused' ? decision.cause : null
}

function expectedObjection({ own, row, verdict: { status, situation } }: ShownSlot) {
  if (status === 'unknown') return 'newerRow'
  if (row === null || situation === 'covered') return null
  if (status === 'running' || status === 'waiting' || status === 'overdue') return 'running'
  return situation === 'marked' || (status === 'completed' && isSettled(own)) ? 'completed' : null
}

test('every surface has the same status, the same answer about the work, and the same steps, in random ledgers', async () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= LEDGERS; seed++) {
    const { ledger } = await ledgerOf(numbers(seed))
    const [since, until] = [new Date(RANDOM_SINCE), new Date(RANDOM_NOW + 1)]
    const found = new Map<string, TaskFinding>()
    for await (const one of ledger.check({ since, until })) found.set(`${one.task} ${one.slot}`, one)
    const counts = { ...NO_FINDINGS }
    for (const { kind } of found.values()) counts[kind] += 1
    const metrics = new Map<string, Status | null>()
    const counted = { ...NO_FINDINGS }
    for await (const { task, status, findings } of ledger.health({ since, until })) {
      metrics.set(task, status)
      for (const kind of keysOf(findings)) counted[kind] += findings[kind]
    }
    expect(counted, `seed ${seed}`).toEqual(counts)
    const ask = pagesOf(ledger, STORE, RANDOM_NOW)
    const reading = { ledger, ledgerTimeoutMs: 9_000, now: RANDOM_NOW, ...CALL } as Parameters<typeof readTask>[1]
    const now = new Date(RANDOM_NOW)
    const { whole } = beginNeeds(RANDOM_SINCE, reading)
    const needs = await whole
    expect([needs.count, needs.faults], `seed ${seed}`).toEqual([counts, []])
    const overview = (await readOverview({}, whole, reading))(needs)
    for await (const known of ledger.tasks()) {
      const { task } = known
      const read = await readTask(task, reading)
      const page = read && (await readTaskPage(read, {}, reading))
      const shownOnPage = new Map(page?.slots.map((one) => [one.slot, one]))
      let newest: Status | null | undefined
      for await (const one of ledger.slots({ since, until, task, now, emitProblem: () => {} })) {
        const shown = shownSlot(one, STORE)
        const { slot, row, own, status, situation, work, remarks, kind, verdict, of } = shown
        const name = `seed ${seed} ${task} ${new Date(slot).toISOString()} ${situation}`
        // One slot that is looked up alone, as `show` and the page of the slot do.
        const older: Row[] = []
        if (of.rules !== null)
          for await (const before of ledger.history({ task, until: new Date(slot), limit: LOOKED_AT }))
            older.push(...(readableRow(before) === null ? [] : [before as Row]))
        const later = await readLaterOf(slot, row, of, ledger.history)
        expect(verdictOf(judge(namedSlot(slot, row, of, { older, later }), of), STORE), name).toEqual(verdict)
        // A page takes long.
        const isNew = !seen.has(`${situation} ${shown.target.place === null}`)
        seen.add(`${situation} ${shown.target.place === null}`)
        for (const remark of keysOf(remarks)) seen.add(remark)
        if (isNew) expectSaid(textOf(await ask(slotAddress(task, slot))), shown)
        newest ??= status
        const cell = shownOnPage.get(slot)
        if (cell !== undefined) expect([cell.mark, cell.kind], name).toEqual([shown.mark, kind])
        // A force and `resolve`.
        const isOpen = ['running', 'waiting', 'overdue', 'unknown'].includes(status ?? '') && row !== null
        const again = isOpen ? null : work === 'done' ? 'completed' : status
        if (status !== 'overdue' && status !== 'due')
          expect(rerunnableAs(row, RANDOM_NOW, DEFAULT_SKEW_MS), name).toBe(again)
        expect(objection(shown), name).toBe(expectedObjection(shown))
        // `check` and its notifications. A covered slot is a part of the finding of the slot that covers it, while that has a row.
        const finding = found.get(`${task} ${slot}`)
        expect(finding?.kind ?? null, name).toBe(kind)
        if (finding !== undefined) expect(verdictOf(finding, STORE), name).toEqual(verdict)
        // The date is in the zone of the slot, and the columns are members of its JSON.
        const { zone } = shown.schedule
        const [source, json, told] = [sourceOf(one), JSON.parse(slotLine(one)), finding && findingJson(finding, STORE)]
        const zones = [cell?.schedule.zone, told?.['zone']]
        expect(new Set([zone, undefined, ...zones]), name).toEqual(new Set([zone, undefined]))
        const date = zonedTime(slot, zone)
        expect([told?.['local'] ?? date, DATE.text(source) || date], name).toEqual([date, date])
        for (const { name: column, cellOf } of csvColumns([]))
          if (column in json && column !== 'attempts')
            expect(cellOf(source) ?? null, `${name} ${column}`).toBe(
              column === 'remarks' ? json[column].join(' ') : json[column],
            )
        const isBad = BAD.has(status) || Object.values(remarks).some((remark) => remark.isFinding)
        if (!isSettled(own)) expect(kind !== null, name).toBe(situation !== 'covered' && isBad)
        // The log of a trigger that comes now.
        for (const maxAttempts of [1, 99]) {
          const line = logged(shown, known, maxAttempts)
          const depends = maxAttempts === 1 ? 'refused' : undefined
          const { nextTrigger } = verdict
          expect(line?.event, name).toBe(
            // In a pause nothing starts, also where the attempts are used up.
            {
              starts: undefined,
              depends,
              duplicate: nextTrigger,
              refused: nextTrigger,
              paused: line === null ? undefined : depends,
            }[nextTrigger],
          )
          if (line === null) continue
          expect([line['work'], line['caution'] ?? null], name).toEqual([work, verdict.caution])
          // A run records its schedule, and its container has it.
          const hasSchedule = known.schedules.length > 0 && shown.target.otherSchedule === undefined
          if (line.event === 'refused' && hasSchedule)
            expect(line.steps, name).toEqual(neededSteps(verdict.steps).map(stepJson))
        }
      }
      // The metrics, `tasks` and the page of the task.
      if (metrics.has(task)) expect(metrics.get(task) ?? undefined, `seed ${seed} ${task}`).toBe(newest)
      // Its newest slot, its open slots and its usual duration.
      const { last, open, pace } = await lastSlots(known, ledger, {}, RANDOM_NOW)
      const recent = read && page && (await readRecent(read, page, reading))
      expect(last?.slot, `seed ${seed} ${task}`).toBe(recent?.slots[0]?.slot)
      let isOpen = 0
      for await (const one of ledger.check({ since: new Date(open.since), until, task }))
        if (one.slot >= open.since) isOpen += 1
      expect(open.count, `seed ${seed} ${task}`).toBe(isOpen)
      const line = overview.lines.find((one) => one.task === task)
      const usual = [recent?.usualMs, line?.pace.usualMs]
      expect(usual, `seed ${seed} ${task}`).toEqual([pace.usualMs, pace.usualMs])
    }
  }
  expect(seen.size).toBeGreaterThan(15)
})
