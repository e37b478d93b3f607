import { expect, test } from 'vitest'
import { parseSchedules } from '../../../src/audit/expected.ts'
import type { EcsFacts, Row } from '../../../src/core/types.ts'
import { findingJson } from '../../../src/format/check.ts'
import { commandText } from '../../../src/format/command-line.ts'
import { showJson, shownSlot, showText } from '../../../src/format/show.ts'
import { nextTriggerText } from '../../../src/format/verdict.ts'
import { readMethods } from '../../../src/ledger.ts'
import { systemClock } from '../../../src/process/clock.ts'
import { writeRecord } from '../../../src/run/task/task-record.ts'
import { neededSteps } from '../../../src/verdict/steps.ts'
import type { AppOptions } from '../../../src/web/server/answers.tsx'
import { createApp } from '../../../src/web/server/app.tsx'
import { reportPieces } from '../../../src/web/server/report.tsx'
import { MARKS } from '../../../src/web/views/frame/marks.ts'
import {
  FAILED,
  FORCED,
  lastWaiting,
  NOT_STARTED,
  NOW,
  ON_ECS,
  recordWith,
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

/** The row of each situation, and how long after its slot it is looked at. */
const SITUATIONS: Readonly<Record<string, readonly [row: Row | null, afterMs: number]>> = {
  due: [null, 60_000],
  missed: [null, HOUR_MS],
  waiting: [lastWaiting(rowWith({})), 60_000],
  running: [rowWith({}), 60_000],
  silent: [rowWith({}), 610_000],
  stale: [rowWith({}), HOUR_MS],
  failed: [rowWith({ ending: FAILED }), HOUR_MS],
  notStarted: [rowWith({ ending: NOT_STARTED }), HOUR_MS],
  completed: [rowWith({ ending: SUCCEEDED }), HOUR_MS],
  repaired: [rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }), HOUR_MS],
  repeated: [rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }), HOUR_MS],
}

/** Returns the text of a page without its elements. */
const textOf = (html: string) =>
  html
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')

async function surfaces(row: Row | null, now: number, ecs: EcsFacts | null) {
  const store = memoryStore()
  const own = row !== null && ecs !== null ? rowOn(ecs, row) : row
  if (own !== null) await store.put(own, 'absent', CALL)
  const record = recordWith([{ since: slot, spec: schedule }], ecs === null ? {} : { ecs, ecsSince: slot })
  await writeRecord('nightly', record, 'absent', store, CALL)
  const clock = { ...systemClock, now: () => now }
  const deps = { store, clock, pageTimeoutMs: 9_000, signals: [] }
  const ledger = readMethods(async () => deps) as AppOptions['ledger']
  const known = { task: 'nightly', ...record }
  const times = timesAt(now, { skewMs: 30_000 })
  const shown = shownSlot(slot, own, { store: STORE, ...known, record: known, inForce: parseSchedules(known) }, times)
  const options = { ledger, ledgerTimeoutMs: 9_000, skewMs: 30_000 }
  const unexpected = (message: string) => expect.unreachable(message)
  const app = createApp({
    ...{ ...options, store: STORE, assets: { script: '', style: '' }, host: 'localhost', clock },
    report: unexpected,
  })
  const address = `/slot?task=nightly&slot=${new Date(slot).toISOString()}`
  const page = await (await app.request(address, { headers: { host: 'localhost' } })).text()
  const span = { since: slot, until: now }
  const pieces = await reportPieces({ span, store: STORE, style: '' }, { ...options, ...CALL, now })
  let report = ''
  for await (const piece of pieces ?? []) report += typeof piece === 'string' ? piece : new TextDecoder().decode(piece)
  const found: Record<string, unknown>[] = []
  for await (const one of ledger.check({ since: new Date(slot), until: new Date(now), skewMs: 30_000 }))
    found.push(findingJson(one, { store: STORE }))
  return { shown, page: textOf(page), report: textOf(report), found }
}

test.each(
  Object.keys(SITUATIONS).flatMap((name) => [
    [name, 'a host', null],
    [name, 'ECS', ON_ECS],
  ]) as [string, string, EcsFacts | null][],
)('show, check, the page, the report and JSON say the same of a slot: %s, on %s', async (name, _, ecs) => {
  const [row, afterMs] = SITUATIONS[name] ?? [null, 0]
  const { shown, page, report, found } = await surfaces(row, NOW - 5_000 + afterMs, ecs)
  const { verdict } = shown
  expect(verdict.situation).toBe(name)
  const status = verdict.status ?? 'unknown'
  const { status: stored, work, steps = [] } = JSON.parse(showJson(shown))
  expect([stored, work]).toEqual([status, verdict.work])
  const word = name === 'repaired' ? MARKS.repaired.word : MARKS[status].word
  // A report describes the slots that did not complete as usual.
  const pages = name === 'completed' ? [page] : [page, report]
  for (const text of [showText(shown), ...pages]) {
    expect(text).toContain(verdict.workText)
    expect(text).toContain(nextTriggerText(verdict))
    if (verdict.caution !== null) expect(text).toContain(verdict.caution)
    for (const { command } of neededSteps(verdict.steps, 'record')) expect(text).toContain(commandText(command))
  }
  for (const text of pages) expect(text).toContain(word)
  for (const one of found) expect(one).toMatchObject({ status, work, ...(steps.length > 0 && { steps }) })
  expect(found).toHaveLength(['missed', 'stale', 'failed', 'notStarted', 'repeated'].includes(name) ? 1 : 0)
})
