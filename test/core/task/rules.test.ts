import { expect, test } from 'vitest'
import { parseRules, unmetRules, unmetText } from '../../../src/core/task/rules.ts'
import type { Row } from '../../../src/core/types.ts'
import { DAY_MS, FAILED, FORCED, resolvedAs, rowWith, SUCCEEDED } from '../../support/rows.ts'

const { slot } = rowWith({})

function completed(seconds: number, report?: string, day = 0): Row {
  const row = rowWith({ ending: { ...SUCCEEDED, ...(report !== undefined && { report }) } })
  const attempts = row.attempts.map((one) => ({ ...one, endedAt: one.startedAt + seconds * 1_000 }))
  return { ...row, attempts, slot: slot - day * DAY_MS } as Row
}
const before = (...seconds: number[]) => seconds.map((one, day) => completed(one, `{"rows":${one * 10}}`, day + 1))
const unmet = (row: Row, rules: string, older: readonly Row[] = []) =>
  unmetRules(row, { since: slot, rules: parseRules(rules) }, older, () => 1, slot).map(unmetText)

const USUAL = before(100, 110, 120, 130, 140, 150)

test.each([
  ['rows>=1', '{"rows":0}', [], ['rows is 0 (expected >= 1)']],
  ['rows>=1', '{"rows":0}', USUAL, ['rows is 0 (expected >= 1, usually 1,250)']],
  ['rows>=1, rows<1000000', '{"rows":1234567.5}', [], ['rows is 1,234,567.5 (expected < 1,000,000)']],
  ['rows>=1,rows<=2,rows>0,rows<2,rows=1', '{"rows":1}', [], []],
  ['rows>=1', 'a text', [], ['rows was not reported (expected >= 1)']],
  ['rows>=1', undefined, [], ['rows was not reported (expected >= 1)']],
  ['rows>=1', '{"rows":"12"}', [], ['rows is "12" (expected >= 1)']],
  ['rows>=1', '{"rows":"at 3:00, ask a@b.example"}', [], ['rows is "at 3:00, ask a@b.example" (expected >= 1)']],
  ['rows>=1', '{"Rows":12}', [], ['rows was not reported (expected >= 1)']],
  ['rows>=0.5x', '{"rows":600}', USUAL, ['rows is 600 (expected >= 0.5x, usually 1,250)']],
  ['rows>=0.5x', undefined, [], ['rows was not reported (expected >= 0.5x)']],
  ['ok=true,mode=full', '{"ok":true,"mode":"full"}', [], []],
  [
    'ok=true, mode=full',
    '{"ok":false,"mode":"3x"}',
    [],
    ['ok is false (expected = true)', 'mode is 3x (expected = full)'],
  ],
  ['duration>=5m', undefined, [], []],
  ['duration>=10m', undefined, [], ['duration is 6m 40s (expected >= 10m)']],
  ['duration<=3x', undefined, USUAL, ['duration is 6m 40s (expected <= 3x, usually 2m 5s)']],
  ['duration<=4x', undefined, USUAL, []],
  // Fewer than five slots do not say what is usual.
  ['duration<=3x', undefined, USUAL.slice(0, 4), []],
  // Only the newest twenty count.
  ['duration<=3x', undefined, [...before(...Array(11).fill(300)), ...before(...Array(20).fill(1))], []],
] as [string, string | undefined, readonly Row[], string[]][])('%s of %s', (rules, report, older, texts) => {
  expect(unmet(completed(400, report), rules, older)).toEqual(texts)
})

// promise: expectation-missed
test('only a slot that an attempt completed since the rules were stated is measured, and failed ones are not usual', () => {
  const rules = 'rows>=1, duration<=3x'
  for (const row of [
    completed(400, '{"rows":0}', 1),
    rowWith({ ending: FAILED }),
    rowWith({}),
    resolvedAs('COMPLETED'),
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
  ]) {
    expect(unmet(row, rules)).toEqual([])
  }
  const failed = USUAL.map((row) => ({ ...row, state: 'FAILED' }) as Row)
  expect(unmet(completed(400), 'duration<=3x', failed)).toEqual([])
  // The attempt that succeeded counts, and not the one before it.
  const repaired = rowWith({ ending: { ...FAILED, report: '{"rows":7}' } }, { ending: SUCCEEDED })
  expect(unmet(repaired, 'rows>=1')).toEqual(['rows was not reported (expected >= 1)'])
  // A slot that was skipped, and was then forced.
  const { resolutions } = resolvedAs('SKIPPED')
  expect(unmet({ ...repaired, resolutions }, 'rows>=1')).toHaveLength(1)
})

test.each([
  ['rows', '--expect "rows" is not a rule.'],
  ['rows>=', '--expect "rows>=" is not a rule.'],
  ['>=1', '--expect ">=1" is not a rule.'],
  ['rows>=1,', '--expect "" is not a rule.'],
  ['rows>=many', '--expect "rows>=many" has "many", which is not a number such as'],
  ['rows>=3 x', '--expect "rows>=3 x" has "3 x", which is not a number such as'],
  ...['>=0x', '=3x', '>=1e3', '=1e3', '=0b1', '=0x10', '>=+5', '=.5', '=Infinity'].map((one) => [
    `rows${one}`,
    `has "${one.replace(/^>?=/, '')}", which is not a number such as 1000, -5 or 0.5. Use duration or`,
  ]),
  ['duration>=5', '--expect "duration>=5" has "5", which is not a duration.'],
  ['duration=3x', '--expect "duration=3x" has "3x", which is not a duration.'],
  [`rows>=${'9'.repeat(400)}`, '9…", which is not a number such as'],
  [Array(11).fill('rows>=1').join(','), '--expect has 11 rules. At most 10 are allowed.'],
] as [string, string][])('%s is a usage error', (rules, message) => {
  expect(() => parseRules(rules)).toThrow(message)
})
