import { expect, test } from 'vitest'
import { parseSchedules } from '../../../src/audit/expected.ts'
import { keysOf } from '../../../src/core/objects.ts'
import type { StoredDocument } from '../../../src/core/row/stored-fields.ts'
import { encodeRow } from '../../../src/core/row/stored-row.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import type { EcsFacts, Row } from '../../../src/core/types.ts'
import { findingJson } from '../../../src/format/check/finding.ts'
import { commandText } from '../../../src/format/command-line.ts'
import { showJson, shownSlot, showText } from '../../../src/format/slot/show.ts'
import { nextTriggerText } from '../../../src/format/verdict.ts'
import { readMethods } from '../../../src/ledger.ts'
import { systemClock } from '../../../src/process/clock.ts'
import { writeRecord } from '../../../src/run/task/task-record.ts'
import type { SlotMark } from '../../../src/verdict/mark.ts'
import type { SlotSituation } from '../../../src/verdict/rules.ts'
import { neededSteps } from '../../../src/verdict/steps.ts'
import type { AppOptions } from '../../../src/web/server/answers.tsx'
import { createApp } from '../../../src/web/server/app.tsx'
import { readReport } from '../../../src/web/server/read/report.ts'
import { MARKS } from '../../../src/web/views/frame/marks.ts'
import {
  coveredRow,
  FAILED,
  FORCED,
  lastWaiting,
  NOT_STARTED,
  ON_ECS,
  PAUSE,
  recordWith,
  resolvedAs,
  rowOn,
  rowWith,
  SUCCEEDED,
  timesAt,
} from '../../support/rows.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'

const HOUR_MS = 3_600_000
const CALL = { signal: new AbortController().signal }
const STORE = 'dynamodb:cronledger'
const { slot, schedule } = rowWith({})

const SINCE = slot - 24 * HOUR_MS

interface Situation {
  readonly row?: Row
  /** The row of the slot that covers it, whose finding is that of both. */
  readonly covering?: Row
  /** The stored form of a row that cannot be read. */
  readonly raw?: StoredDocument
  /** How long after its slot it is looked at. Left out: an hour. */
  readonly afterMs?: number
  readonly record?: Partial<TaskRecord>
  /** Only `show` has a slot that was not due. */
  readonly isLeftOutOf?: 'pages'
  readonly isFinding?: true
}

const RAW = { ...encodeRow(rowWith({})), version: 1 }

const SITUATIONS: Readonly<Record<SlotSituation, Situation>> = {
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
  unusual: {
    row: rowWith({ ending: { ...SUCCEEDED, report: '{"rows":0}' } }),
    record: { expectations: { since: slot, expect: 'rows>=1' } },
    isFinding: true,
  },
  repaired: { row: rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }) },
  marked: { row: resolvedAs('COMPLETED') },
  repeated: { row: rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }), isFinding: true },
  skipped: { row: resolvedAs('SKIPPED') },
  covered: {
    row: coveredRow(),
    covering: { ...rowWith({ ending: FAILED }), slot: slot + 24 * HOUR_MS, windowEnd: null },
    afterMs: 25 * HOUR_MS,
  },
  newer: { raw: { ...RAW, schemaVersion: 9 }, isFinding: true },
  damaged: { raw: { ...RAW, state: 'odd' }, isFinding: true },
}

/** Returns the text of a page without its elements. */
const textOf = (html: string) =>
  html
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')

async function surfaces(
  { row, covering, raw, record: more, isLeftOutOf }: Situation,
  now: number,
  ecs: EcsFacts | null,
) {
  const store = memoryStore()
  if (row !== undefined) await store.put(ecs === null ? row : rowOn(ecs, row), 'absent', CALL)
  if (covering !== undefined) await store.put(ecs === null ? covering : rowOn(ecs, covering), 'absent', CALL)
  if (raw !== undefined) store.writeRaw(raw)
  const record = recordWith([{ since: SINCE, spec: schedule }], {
    ...(ecs !== null && { ecs, ecsSince: SINCE }),
    ...more,
  })
  await writeRecord('nightly', record, 'absent', store, CALL)
  const clock = { ...systemClock, now: () => now }
  const deps = { store, clock, pageTimeoutMs: 9_000, signals: [] }
  const ledger = readMethods(async () => deps) as AppOptions['ledger']
  const known = { task: 'nightly', ...record }
  const own = await ledger.get({ task: 'nightly', slot: new Date(slot) })
  const times = timesAt(now, { skewMs: 30_000 })
  const shown = shownSlot(slot, own, { store: STORE, ...known, record: known, inForce: parseSchedules(known) }, times)
  const options = { ledger, ledgerTimeoutMs: 9_000 }
  const unexpected = (message: string) => expect.unreachable(message)
  const app = createApp({
    ...{ ...options, store: STORE, assets: { script: '', style: '' }, host: 'localhost', clock },
    report: unexpected,
  })
  const address = `/slot?task=nightly&slot=${new Date(slot).toISOString()}`
  const page = await (await app.request(address, { headers: { host: 'localhost' } })).text()
  const [since = '', until = ''] = [slot, slot + HOUR_MS].map((at) => new Date(at).toISOString())
  const range = { since, until }
  const report = now < slot ? null : await readReport({ range, store: STORE }, { ...options, ...CALL, now })
  const found: Record<string, unknown>[] = []
  for await (const one of ledger.check({ since: new Date(slot), until: new Date(slot + HOUR_MS) }))
    found.push(findingJson(one, STORE))
  const exceptions = report?.tasks[0]?.exceptions ?? []
  return {
    shown,
    pages: isLeftOutOf === undefined ? [textOf(page)] : [],
    filed: exceptions.map((one) => one.happened),
    found,
  }
}

test.each(
  keysOf(SITUATIONS).flatMap((name) => [
    [name, 'a host', null],
    [name, 'ECS', ON_ECS],
  ]) as [SlotSituation, string, EcsFacts | null][],
)('show, check, the page, the report and JSON say the same of a slot: %s, on %s', async (name, _, ecs) => {
  const situation = SITUATIONS[name]
  const { shown, pages, filed, found } = await surfaces(situation, slot + (situation.afterMs ?? HOUR_MS), ecs)
  const { verdict } = shown
  expect(verdict.situation).toBe(name)
  const { status } = verdict
  const json = JSON.parse(showJson(shown))
  expect([json.status, json.work]).toEqual([status, verdict.work])
  for (const text of [showText(shown), ...pages]) {
    expect(text).toContain(verdict.workText)
    expect(text).toContain(nextTriggerText(verdict))
    if (verdict.caution !== null) expect(text).toContain(verdict.caution)
    for (const { command } of neededSteps(verdict.steps, 'record')) expect(text).toContain(commandText(command))
  }
  const mark = ['repaired', 'marked', 'unusual'].includes(name) ? (name as SlotMark) : status
  if (mark !== null) for (const text of pages) expect(text).toContain(MARKS[mark].word)
  const { work, nextTrigger, happened, caution, steps } = json
  if (filed.length > 0 && status !== 'missed') expect(filed).toEqual([happened])
  if (situation.isFinding) expect(filed).toHaveLength(1)
  const said = { status, work, nextTrigger, happened, ...(caution && { caution }), ...(steps && { steps }) }
  expect(found).toEqual(situation.isFinding ? [expect.objectContaining(said)] : [])
})
