import { expect, test } from 'vitest'
import type { StoredRow } from '../../../src/core/types.ts'
import type { Asked } from '../../../src/format/history/columns.ts'
import { type HistoryFormat, historyText, openTotal } from '../../../src/format/history/history.ts'
import type { JudgedSlot } from '../../../src/verdict/judge.ts'
import { FAILED, FORCED, judgedAt, NOW, recordWith, resolvedAs, rowWith, SUCCEEDED } from '../../support/rows.ts'

const row = rowWith({ ending: SUCCEEDED })
const failed = rowWith({ ending: FAILED })
const tokyo = { ...row, schedule: { expression: '0 3 * * *', zone: 'America/Argentina/Buenos_Aires' } }
const named = (task: string) => ({ ...row, task })
const newer = { task: 'nightly', slot: NOW - 5_000, schemaVersion: 7, newerSchema: true } as const

const record = recordWith([{ since: 0, spec: { expression: '0 12 * * *', zone: 'Asia/Tokyo' } }])
const missed = judgedAt(NOW + 3_600_000, null, { record })

type Slots = readonly (StoredRow | JudgedSlot)[]
const judged = (one: Slots[number]): JudgedSlot => ('of' in one ? one : judgedAt(NOW, one, { lateAfterMs: 60_000 }))

interface Wish {
  readonly format?: HistoryFormat
  readonly columns?: number
  readonly color?: boolean
  readonly asked?: readonly Asked[]
  readonly fields?: readonly string[]
}

async function pieces(groups: readonly Slots[], wish: Wish = {}): Promise<string[]> {
  async function* source() {
    for (const slots of groups) yield slots.map(judged)
  }
  const { format = 'table', columns = null, color = false, asked = [], fields = [] } = wish
  const style = {
    format,
    columns,
    color,
    asked,
    fields,
    nothing: async () => 'nothing',
    total: () => '',
  }
  const printed: string[] = []
  for await (const piece of historyText(source(), style)) printed.push(piece)
  return printed
}

const lines = async (groups: readonly Slots[], wish?: Wish) =>
  (await pieces(groups, wish)).join('').trimEnd().split('\n')

test('the total counts the slots, the repaired ones, duplicates and refusals', () => {
  const { add, text } = openTotal()
  const repaired = rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED })
  const rejected = { ...row, rejections: { ...row.rejections, count: 40, refused: 30 } }
  const missedBefore = judgedAt(NOW, rowWith({ trigger: FORCED, ending: SUCCEEDED }), { graceMs: 4_000 })
  for (const one of [...[repaired, rejected, missed, newer].map((one) => judged(one)), missedBefore]) add(one)
  expect(text()).toBe('5 slots: 3 completed (2 repaired), 1 missed, 1 unknown; 40 rejected (30 refused)')
})

test('a table in a pipe has every column, no colour, and no space at the end of a line', async () => {
  expect(await lines([[row, tokyo, missed, newer]])).toEqual([
    'SLOT (UTC)            LOCAL TIME               STATUS     ATTEMPTS  DURATION  REJECTED',
    '2026-11-24T03:00:00Z  2026-11-24 03:00 UTC     completed         1        1s         0',
    '2026-11-24T03:00:00Z  2026-11-24 00:00 -03:00  completed         1        1s         0',
    '2026-11-24T03:00:00Z  2026-11-24 12:00 JST     missed',
    '2026-11-24T03:00:00Z                           unknown',
  ])
})

test('a table says how a slot completed, if not in time and as usual with its first attempt', async () => {
  const repaired = rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED })
  const late = judgedAt(NOW, row, { lateAfterMs: 1_000 })
  const expecting = { record: recordWith([], { expectations: { since: 0, expect: 'rows>=1,duration<=500ms' } }) }
  const unusual = judgedAt(NOW, row, expecting)
  const settled = judgedAt(NOW, resolvedAs('COMPLETED', row), expecting)
  const running = judgedAt(NOW + 5_000, rowWith({}), expecting)
  const missed = judgedAt(NOW, rowWith({ trigger: FORCED, ending: SUCCEEDED }), { graceMs: 4_000 })
  const slots = [repaired, resolvedAs('COMPLETED'), late, unusual, settled, missed, running]
  const statuses = (await lines([slots])).map((line) => /(completed|running).*?(?= {2})/.exec(line)?.[0])
  const words = ['repaired', 'marked', 'late', 'unusual', 'unusual, settled', 'after 5s'].map(
    (word) => `completed, ${word}`,
  )
  expect(statuses.slice(1)).toEqual([...words, 'running, unusual'])
})

test('a table has a column for each fact that is asked for, of the last attempt', async () => {
  const reported = rowWith({ ending: { ...SUCCEEDED, report: '{"rows":1234,"file":"a\\u001bb"}' } })
  const printed = await lines([[reported, failed, missed, newer]], { fields: ['rows', 'file', 'b\u001b'] })
  expect(printed.map((line) => line.split(/ {2,}/).slice(6))).toEqual([
    ['rows', 'file', 'b\\u001b'],
    ['1234', 'a\\u001bb'],
    ...[[], [], []],
  ])
})

test('a table is printed group by group, with one head', async () => {
  const printed = await pieces([[row], [failed, row]])
  expect(printed).toHaveLength(3)
  expect(printed.join('').match(/SLOT/g)).toHaveLength(1)
})

test.each([
  [70, ['SLOT (UTC)', 'LOCAL TIME', 'STATUS', 'DURATION'], 'No room for the columns: ATTEMPTS, REJECTED'],
  [80, ['SLOT (UTC)', 'LOCAL TIME', 'STATUS', 'DURATION', 'REJECTED'], 'No room for the columns: ATTEMPTS'],
  [90, ['SLOT (UTC)', 'LOCAL TIME', 'STATUS', 'ATTEMPTS', 'DURATION', 'REJECTED'], undefined],
  [200, ['SLOT (UTC)', 'LOCAL TIME', 'STATUS', 'ATTEMPTS', 'DURATION', 'REJECTED'], undefined],
])('a table in %i columns has %j, and names those that it has no room for', async (columns, heads, leftOut) => {
  const [head = '', ...rest] = await lines([[tokyo, row]], { columns })
  expect(head.split(/ {2,}/)).toEqual(heads)
  expect([head, ...rest].every((line) => line.length <= columns)).toBe(true)
  expect(rest.find((line) => line.startsWith('No room'))).toBe(leftOut)
})

test('a table of the slots that operators forced says who and why, also at 80 columns', async () => {
  const trigger = { ...FORCED, reason: 'the file came late, from another system' }
  const forced = rowWith({ trigger, ending: SUCCEEDED })
  const [head = '', line, reason, ...more] = await lines([[forced], [forced]], { columns: 80, asked: ['forced'] })
  expect(head.split(/ {2,}/)).toEqual(['SLOT (UTC)', 'LOCAL TIME', 'STATUS', 'DURATION', 'FORCED BY'])
  expect(line).toMatch(/ ada$/)
  expect(reason).toBe('  the file came late, from another system')
  expect(more).toEqual([line, reason, '', 'No room for the columns: ATTEMPTS, REJECTED'])
})

test('a table has colour on the statuses alone, if colour is asked for', async () => {
  const [head, first, second, third] = await lines([[row, failed, missed]], { columns: 200, color: true })
  expect(head).not.toContain('\u001b')
  expect(first).toContain('\u001b[32mcompleted\u001b[0m         1 ')
  expect(second).toContain('\u001b[31mfailed\u001b[0m            1 ')
  expect(third?.endsWith('\u001b[31mmissed\u001b[0m')).toBe(true)
})

test('a table says what is missing if there is no row', async () => {
  expect(await lines([])).toEqual(['nothing'])
})

test('a table tells duplicates and refusals apart, however many there were', async () => {
  const rejected = (count: number, refused: number) => ({ ...row, rejections: { ...row.rejections, count, refused } })
  const cells = (await lines([[rejected(3, 0), rejected(40, 30), rejected(3, 3)]])).map((line) =>
    line.split(/ {2,}/).at(-1),
  )
  expect(cells).toEqual(['REJECTED', '3', '40 (30 refused)', '3 (3 refused)'])
})

test('a table has nothing in it that a terminal obeys', async () => {
  expect((await lines([[named('\u001b[2J\u009b')]], { asked: ['tasks'] })).join()).toContain('\\u001b[2J\\u009b')
})

test.each([0, 1, 3])('JSON is one array, of %i rows too', async (count) => {
  const printed = await pieces(
    Array.from({ length: count }, () => [row, failed]),
    { format: 'json' },
  )
  expect(JSON.parse(printed.join(''))).toHaveLength(2 * count)
  expect(printed).toHaveLength(count + 1)
})

test('NDJSON is one object a line, and empty if there is no row', async () => {
  const printed = await lines([[row], [failed]], { format: 'ndjson' })
  expect(printed.map((line) => JSON.parse(line))).toMatchObject([
    { status: 'completed', state: 'COMPLETED' },
    { status: 'failed', state: 'FAILED' },
  ])
  expect(await pieces([], { format: 'ndjson' })).toEqual([])
})

test('CSV has its head, rows or not', async () => {
  expect(await lines([[row], [failed]], { format: 'csv' })).toHaveLength(3)
  expect(await lines([], { format: 'csv' })).toHaveLength(1)
})
