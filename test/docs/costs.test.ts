// The table of costs in docs/explanation/on-aws.md, computed again from the prices above it.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import type { Loose } from '../support/cli.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const HOURS = 730

/** Returns the cells of the row of the page whose first cell begins with this text. */
function row(label: string): readonly string[] {
  const line = read('docs/explanation/on-aws.md')
    .split('\n')
    .find((one) => one.startsWith(`| ${label}`))
  if (line === undefined) throw new Error(`no row ${label}`)
  return line.split('|').slice(2, -1)
}

/** Returns the result in each cell, which is its last number. */
const results = (label: string) =>
  row(label).map((cell) => Number(/([\d.,]+)\D*$/.exec(cell)?.[1]?.replaceAll(',', '')))
const price = (label: string) => results(label)[0] ?? Number.NaN

const PRICES = {
  write: price('a million write units') / 1e6,
  read: price('a million read units') / 1e6,
  metric: price('a custom metric'),
  alarm: price('an alarm'),
}
const NIGHTLY = { runs: 30, writes: 30 * 12, hours: 30 }
const FREQUENT = { runs: 8_760, writes: 8_760 * 3, hours: HOURS }
const BATCHES = [NIGHTLY, FREQUENT]

const { Resources, Parameters } = parseYaml(read('schema/batch.yaml'), { logLevel: 'silent' })
const alarms = Object.values<Loose>(Resources).filter(
  ({ Type, Condition }) => Type === 'AWS::CloudWatch::Alarm' && Condition !== 'HasDuplicateAlarm',
).length
const metrics = read('docs/guides/metrics.md').match(/^\| `[A-Z][a-z]+` /gm)?.length ?? 0

const ledger = BATCHES.map(({ runs, writes }) => writes * PRICES.write + runs * PRICES.read)
const metered = BATCHES.map(({ hours }) => (metrics * PRICES.metric * hours) / HOURS)
const watched = Number((alarms * PRICES.alarm).toFixed(2))

test('the stack has as many alarms, and a task as many metrics, as the page counts', () => {
  expect(Parameters.AlarmOnDuplicates.Default).toBe('false')
  expect(row(`**${alarms} alarms**`)).toHaveLength(2)
  expect(row(`**${metrics} metrics of the task**`)).toHaveLength(2)
})

test('the products are right', () => {
  expect(results('runs')).toEqual(BATCHES.map(({ runs }) => runs))
  expect(results('write units')).toEqual(BATCHES.map(({ writes }) => writes))
  expect(results('**DynamoDB**').map((cost) => cost.toPrecision(1))).toEqual(ledger.map((cost) => cost.toPrecision(1)))
  expect(results(`**${metrics} metrics`).map((cost) => cost.toFixed(2))).toEqual(metered.map((cost) => cost.toFixed(2)))
  expect(results(`**${alarms} alarms`)).toEqual([watched, watched])
})

test('the sums are right', () => {
  const small = ['rows of a year', 'log lines', 'EventBridge Scheduler |'].map(results)
  const sums = BATCHES.map((_, index) => {
    const rest = small.reduce((sum, costs) => sum + (costs[index] ?? 0), 0)
    return (ledger[index] ?? 0) + (metered[index] ?? 0) + watched + rest
  })
  expect(results('together').map((cost) => cost.toFixed(2))).toEqual(sums.map((cost) => cost.toFixed(2)))
})
