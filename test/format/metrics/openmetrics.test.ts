import { expect, test } from 'vitest'
import { STATUSES } from '../../../src/core/types.ts'
import { healthMetrics } from '../../../src/format/metrics/openmetrics.ts'
import { NO_FINDINGS, type TaskHealth } from '../../../src/verdict/judge.ts'
import { parseOpenMetrics } from '../../support/metrics/openmetrics.ts'

async function metricsOf(...tasks: readonly TaskHealth[]) {
  async function* stream() {
    yield* tasks
  }
  let text = ''
  for await (const piece of healthMetrics(stream())) text += piece
  return text
}

const WELL: TaskHealth = {
  task: 'nightly',
  status: 'completed',
  lastSuccessAt: 1_764_000_000_123,
  lastDurationMs: 90_500,
  next: 1_764_086_400_000,
  duplicates: 2,
  owner: 'the "data" team',
  facts: { rows: 1234, file: 'a', 'x"y': 0.5 },
  findings: NO_FINDINGS,
}
const ILL: TaskHealth = {
  task: 'hourly',
  status: 'missed',
  lastSuccessAt: null,
  lastDurationMs: null,
  next: null,
  duplicates: 0,
  owner: undefined,
  facts: {},
  findings: { ...NO_FINDINGS, missed: 3 },
}

test('a task without findings appears, with a zero for each kind', async () => {
  const samples = parseOpenMetrics(await metricsOf(WELL, ILL)).filter(({ name }) => name === 'cronledger_findings')
  const kinds = Object.keys(NO_FINDINGS)
  expect(samples).toHaveLength(2 * kinds.length)
  expect(samples).toContainEqual({
    name: 'cronledger_findings',
    labels: { task: 'nightly', kind: 'missed' },
    value: 0,
  })
  expect(samples).toContainEqual({
    name: 'cronledger_findings',
    labels: { task: 'hourly', kind: 'missed' },
    value: 3,
  })
})

test('one status of a task is 1, and the others are 0', async () => {
  for (const status of [...STATUSES, null]) {
    const samples = parseOpenMetrics(await metricsOf({ ...WELL, status }))
    const statuses = samples.filter(({ name }) => name === 'cronledger_task_status')
    expect(statuses.map(({ labels }) => labels['status'])).toEqual(STATUSES)
    expect(statuses.filter(({ value }) => value === 1).map(({ labels }) => labels['status'])).toEqual(
      status === null ? [] : [status],
    )
  }
})

test('the last success is in seconds, and absent where there is none', async () => {
  const name = 'cronledger_last_success_timestamp_seconds'
  expect(parseOpenMetrics(await metricsOf(WELL, ILL)).filter((sample) => sample.name === name)).toEqual([
    { name, labels: { task: 'nightly' }, value: 1_764_000_000.123 },
  ])
})

test('what the batch of the newest completed slot reported has a sample for each number', async () => {
  const name = 'cronledger_reported'
  expect(parseOpenMetrics(await metricsOf(WELL, ILL)).filter((sample) => sample.name === name)).toEqual([
    { name, labels: { task: 'nightly', fact: 'rows' }, value: 1234 },
    { name, labels: { task: 'nightly', fact: 'x"y' }, value: 0.5 },
  ])
})

test('backslashes, quotes and line ends in labels are escaped', async () => {
  const task = 'a\\b"c\nd\\n'
  const samples = parseOpenMetrics(await metricsOf({ ...WELL, task }))
  expect(new Set(samples.map(({ labels }) => labels['task']))).toEqual(new Set([task]))
})

test('the text is the one that Prometheus and node_exporter read', async () => {
  const text = await metricsOf(WELL)
  expect(text.split('\n').slice(0, 4)).toEqual([
    '# HELP cronledger_last_success_timestamp_seconds When the newest attempt that succeeded ended. Absent if none succeeded in the range of the check.',
    '# TYPE cronledger_last_success_timestamp_seconds gauge',
    '# UNIT cronledger_last_success_timestamp_seconds seconds',
    'cronledger_last_success_timestamp_seconds{task="nightly"} 1764000000.123',
  ])
  expect(text.endsWith('\n# EOF\n')).toBe(true)
  expect(parseOpenMetrics(await metricsOf())).toEqual([])
})

test('the last duration, the next slot, duplicates and the owner; absent where there is none', async () => {
  const names = ['last_duration_seconds', 'next_slot_timestamp_seconds', 'duplicates', 'task_owner'].map(
    (name) => `cronledger_${name}`,
  )
  const samples = parseOpenMetrics(await metricsOf(WELL, ILL)).filter(({ name }) => names.includes(name))
  expect(samples.map(({ name, labels, value }) => [name.slice(11), labels, value])).toEqual([
    ['last_duration_seconds', { task: 'nightly' }, 90.5],
    ['next_slot_timestamp_seconds', { task: 'nightly' }, 1_764_086_400],
    ['duplicates', { task: 'nightly' }, 2],
    ['duplicates', { task: 'hourly' }, 0],
    ['task_owner', { task: 'nightly', owner: 'the "data" team' }, 1],
  ])
})
