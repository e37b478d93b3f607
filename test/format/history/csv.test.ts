import { expect, test } from 'vitest'
import { NOTHING_LATER } from '../../../src/core/row/range.ts'
import type { Row } from '../../../src/core/types.ts'
import { csvHead, csvLines } from '../../../src/format/history/history.ts'
import { slotLine } from '../../../src/format/slot/row.ts'
import { showJson, shownSlot } from '../../../src/format/slot/show.ts'
import {
  closed,
  FAILED,
  judgedAt,
  lastWaiting,
  laterRow,
  NOT_STARTED,
  NOW,
  pending,
  recordWith,
  resolvedAs,
  rowWith,
  SUCCEEDED,
} from '../../support/rows.ts'

function cells(row: Row, now = NOW, fields: readonly string[] = []): Record<string, string | undefined> {
  const line = csvLines([judgedAt(now, row)], fields)
    .trimEnd()
    .split(',')
  return Object.fromEntries(
    csvHead(fields)
      .trimEnd()
      .split(',')
      .map((head, index) => [head, line[index]]),
  )
}

const forced = (reason: string) => rowWith({ trigger: { kind: 'forced', by: 'ada', reason }, ending: FAILED })

test('a line of CSV has the row and its last attempt, and what is unknown empty', () => {
  expect(cells(forced('bad input'))).toEqual({
    task: 'nightly',
    slot: '2026-11-24T03:00:00Z',
    windowEnd: '2026-11-25T03:00:00Z',
    status: 'failed',
    remarks: '',
    state: 'FAILED',
    schedule: '0 3 * * *',
    zone: 'UTC',
    attempts: '1',
    startedAt: '2026-11-24T03:00:05Z',
    endedAt: '2026-11-24T03:00:06Z',
    durationMs: '1000',
    latenessMs: '',
    outcome: 'failed',
    exitCode: '3',
    signal: '',
    host: 'host',
    ecsTask: '',
    forcedBy: 'ada',
    reason: 'bad input',
    rejected: '0',
    report: '',
    refused: '0',
    resolvedAs: '',
    resolvedBy: '',
    resolvedAt: '',
    resolvedReason: '',
    coveredBy: '',
  })
})

test.each([
  ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"`],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', '\\u0009=1'],
  ['\r=1', '\\u000d=1'],
  ['\u001b[31mred', '\\u001b[31mred'],
  ['"quoted"', '"""quoted"""'],
  ['two\nlines', 'two\\u000alines'],
])('a line of CSV holds %j as %s', (reason, cell) => {
  expect(cells(forced(reason))['reason']).toBe(cell)
})

test('a line of CSV has the last resolution of the slot', () => {
  const word = { at: NOW, by: 'ada', reason: 'checked', afterAttempt: 1 }
  const resolutions = [
    { ...word, state: 'FAILED' },
    { ...word, state: 'COMPLETED', reason: '=1+1' },
  ] as const
  expect(cells({ ...closed(forced('x')), state: 'COMPLETED', resolutions })).toMatchObject({
    resolvedAs: 'COMPLETED',
    resolvedBy: 'ada',
    resolvedAt: '2026-11-24T03:00:05Z',
    resolvedReason: "'=1+1",
  })
})

test('a line of CSV has how late the first attempt started, and who forced the slot, also if the schedule ran it afterwards', () => {
  const force = { kind: 'forced', by: 'ada', reason: 'bad input' } as const
  const again = rowWith({ ending: FAILED }, { trigger: force, ending: FAILED }, { ending: SUCCEEDED })
  expect(cells(again)).toMatchObject({ latenessMs: '5000', attempts: '3', forcedBy: 'ada', reason: 'bad input' })
})

test('a line of CSV names each remark of a slot, also after a person has settled it', () => {
  const expectations = { since: 0, expect: 'rows>=1', lateAfterMs: 1_000 }
  const of = { record: recordWith([], { expectations }), lateAfterMs: 1_000 }
  const row = rowWith({ ending: SUCCEEDED })
  for (const [one, remarks] of [
    [row, 'unusual late'],
    [resolvedAs('COMPLETED', row), 'unusual late settled'],
  ] as const) {
    const [, , , ...cells] = csvLines([judgedAt(NOW, one, of)]).split(',')
    expect(cells.slice(0, 3)).toEqual(['completed', remarks, 'COMPLETED'])
  }
})

test('a comma is quoted', () => {
  expect(csvLines([judgedAt(NOW, forced('a, b'))])).toContain(',"a, b",0,0,,,,,,\n')
})

test('a line of CSV has what the batch reported, and each fact that is asked for in a column of its own', () => {
  const row = rowWith({ ending: FAILED }, { ending: { ...SUCCEEDED, report: '{"rows":1234,"=x":"=1"}' } })
  expect(csvLines([judgedAt(NOW, row)], ['rows', '=x', 'none'])).toMatch(/,"rows=1234, =x=""=1""",1234,'=1,\n$/)
  // What attempt 1 said is not what the slot says.
  const other = rowWith({ ending: { ...FAILED, report: '{"rows":7}' } }, { ending: SUCCEEDED })
  expect(cells(other, NOW, ['rows'])).toMatchObject({ report: '', rows: '' })
})

test('a clock that was set back makes no negative duration', () => {
  const row = closed(forced('x'))
  const attempts = row.attempts.map((attempt) => ({ ...attempt, endedAt: attempt.startedAt - 5_000 }))
  expect(cells({ ...row, attempts })['durationMs']).toBe('0')
})

test('a duration counts up while an attempt runs; of a stale one, and of one that started nothing, there is none', () => {
  const row = pending(rowWith({}))
  const waiting = lastWaiting(row)
  const later = row.leaseUntil + 5_000
  expect(cells(row, NOW + 5_000)).toMatchObject({ status: 'running', state: 'PENDING', durationMs: '5000' })
  const overdue = csvLines([judgedAt(NOW + 5_000, row, { doneByMs: 5_000 })]).split(',')
  expect(overdue).toEqual(expect.arrayContaining(['overdue', '5000']))
  expect(cells(row, later)).toMatchObject({ status: 'stale', state: 'PENDING', durationMs: '' })
  expect(cells(waiting, NOW + 5_000)).toMatchObject({ status: 'waiting', state: 'PENDING', durationMs: '' })
  expect(cells(rowWith({ ending: NOT_STARTED }))).toMatchObject({ state: 'FAILED', durationMs: '' })
})

test('a missed slot has as many cells as any other, and what is not known of it is empty', () => {
  const record = recordWith([{ since: 0, spec: rowWith({}).schedule }])
  const line = csvLines([judgedAt(NOW + 3_600_000, null, { record })])
  expect(line.split(',')).toHaveLength(csvHead().split(',').length)
  expect(line).toMatch(/^2026-11-24T03:00:00Z,nightly,2026-11-25T03:00:00Z,missed,,,0 3 \* \* \*,UTC,,/)
})

test('a row of a newer cronledger has as many cells as any other', () => {
  const newer = { task: 'nightly', slot: NOW - 5_000, schemaVersion: 7, newerSchema: true } as const
  const line = csvLines([judgedAt(NOW, newer)])
  expect(line.split(',')).toHaveLength(csvHead().split(',').length)
  expect(line).toMatch(/^2026-11-24T03:00:00Z,nightly,,unknown,,/)
})

test('JSON and CSV name the later slot whose run did the work of a slot', () => {
  const by = laterRow(rowWith({ ending: SUCCEEDED }))
  const later = { ...NOTHING_LATER, covering: { kind: 'done', by }, done: by } as const
  for (const row of [null, rowWith({ ending: FAILED })]) {
    const one = judgedAt(NOW + 90_000_000, row, { later })
    const coveredBy = '2026-11-25T03:00:00Z'
    expect(JSON.parse(slotLine(one))).toMatchObject({ status: 'completed', coveredBy })
    expect(JSON.parse(showJson(shownSlot(one, 's')))).toMatchObject({ status: 'completed', coveredBy })
    expect(csvLines([one])).toContain(coveredBy)
  }
})
