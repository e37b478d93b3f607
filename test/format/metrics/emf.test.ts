import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RunContext, RunEvent } from '../../../src/core/event.ts'
import type { Ending } from '../../../src/core/types.ts'
import { emfLine } from '../../../src/format/metrics/emf.ts'
import { readEmf } from '../../support/metrics/emf.ts'
import {
  CONTEXT,
  endedEvent,
  FAILED,
  FORCED,
  NOT_STARTED,
  NOW,
  rowWith,
  SKIPPED,
  SUCCEEDED,
} from '../../support/rows.ts'

const row = rowWith({})
const attempt = row.attempts[0] as NonNullable<(typeof row.attempts)[0]>
const ended = (ending: Ending) => endedEvent(ending, { durationMs: 1_234.5 })

const HOLDER = { slot: NOW, runId: 'other' }
const NONE = {
  Claimed: '0 Count',
  Duplicate: '0 Count',
  Refused: '0 Count',
  Failed: '0 Count',
  Completed: '0 Count',
}
const CLAIMED = { ...NONE, Claimed: '1 Count', Attempts: '1 Count' }
const LATENESS = { Lateness: '5000 Milliseconds' }
const DURATION = { Duration: '1235 Milliseconds' }

const CASES: [what: string, event: RunEvent, metrics: object, context?: Partial<RunContext>][] = [
  ['completed', ended(SUCCEEDED), { ...CLAIMED, ...LATENESS, ...DURATION, Completed: '1 Count' }],
  [
    'completed, with numbers, of which one cannot be a metric, and one has the name of another',
    ended({ ...SUCCEEDED, report: '{"rows":1234,"Failed":2,"Task":3,"file":"a","größe":4,"huge":1e300}' }),
    {
      ...CLAIMED,
      ...LATENESS,
      ...DURATION,
      Completed: '1 Count',
      'Reported.rows': '1234 None',
      'Reported.Failed': '2 None',
      'Reported.Task': '3 None',
    },
  ],
  ['failed', ended(FAILED), { ...CLAIMED, ...LATENESS, ...DURATION, Failed: '1 Count' }],
  ['not started', ended(NOT_STARTED), { ...CLAIMED, ...LATENESS, Failed: '1 Count' }],
  [
    'succeeded, but unrecorded',
    { ...ended(SUCCEEDED), finish: 'unanswered' },
    { ...CLAIMED, ...LATENESS, ...DURATION, Failed: '1 Count' },
  ],
  [
    'forced, which is late by the will of a person',
    ended(SUCCEEDED),
    { ...CLAIMED, ...DURATION, Completed: '1 Count' },
    { trigger: FORCED },
  ],
  ['duplicate', { event: 'duplicate', cause: 'running', row, noted: true }, { ...NONE, Duplicate: '1 Count' }],
  [
    'refused',
    { event: 'refused', cause: 'tooLate', row: null, survivor: null, noted: false },
    { ...NONE, Refused: '1 Count' },
  ],
  ['skipped', { event: 'skipped', holder: HOLDER, ...SKIPPED }, { ...NONE, Claimed: '1 Count' }],
  [
    'skipped, but unrecorded',
    { event: 'skipped', holder: HOLDER, ...SKIPPED, finish: 'unanswered' },
    { ...NONE, Claimed: '1 Count', Failed: '1 Count' },
  ],
  ['ledger out of reach', { event: 'withdrawn', certain: true, detail: '' }, { ...NONE, Failed: '1 Count' }],
  ['told to stop before the claim', { event: 'stopped' }, { ...NONE, Failed: '1 Count' }],
]

for (const [what, event, metrics, context] of CASES) {
  test(`the line of metrics of a run that was ${what} is one that AWS's schema allows`, () => {
    const line = emfLine(event, { ...CONTEXT, ...context }, 'batches', NOW) ?? ''
    expect(readEmf(line)).toEqual(metrics)
    const { _aws, ...root } = JSON.parse(line)
    expect(_aws).toMatchObject({ Timestamp: NOW })
    expect(_aws.CloudWatchMetrics[0]).toMatchObject({ Namespace: 'batches', Dimensions: [['Task'], []] })
    expect(root).toMatchObject({
      Task: 'nightly',
      Slot: '2026-11-24T03:00:00Z',
      RunId: 'me',
    })
  })
}

test('an event that does not end a run has no line', () => {
  for (const event of [
    { event: 'claimed', attempt },
    { event: 'retry', attempt: 2, delayMs: 1 },
    { event: 'warning', message: '' },
  ] as const) {
    expect(emfLine(event, CONTEXT, 'batches', NOW)).toBe(null)
  }
})

test('docs/guides/metrics.md names every metric with its unit', () => {
  const docs = readFileSync(new URL('../../../docs/guides/metrics.md', import.meta.url), 'utf8')
  const units = { ...CLAIMED, ...LATENESS, ...DURATION }
  const documented = [...docs.matchAll(/^\| `(\w+)` +\| (Count|Milliseconds)/gm)].map(([, name, unit]) => [name, unit])
  expect(Object.fromEntries(documented)).toEqual(
    Object.fromEntries(Object.entries(units).map(([name, text]) => [name, text.split(' ')[1]])),
  )
})
