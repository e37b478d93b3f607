import { expect, test } from 'vitest'
import { LedgerError } from '../src/core/errors.ts'
import { exitCodeOf } from '../src/exit-code.ts'
import type { TriggerResult } from '../src/run/run-trigger.ts'

const common = { task: 'nightly', slot: new Date(0), windowEnd: null, runId: 'r' }
const failed = { ...common, status: 'failed', attempt: 1, recorded: true } as const
const code = (outcome: object, stopSignal: NodeJS.Signals | null = null) =>
  exitCodeOf({ caughtUp: [], ...outcome } as unknown as TriggerResult<null>, {
    exitOnDuplicate: 7,
    stopSignal,
  })

for (const [expected, outcome, stopSignal] of [
  [0, { ...common, status: 'completed', attempt: 1, value: null }],
  [74, { ...common, status: 'unrecorded', attempt: 1, value: null }],
  [7, { ...common, status: 'duplicate', cause: 'completed' }],
  [7, { ...common, status: 'duplicate', cause: 'skipped' }],
  [7, { ...common, status: 'duplicate', cause: 'running' }],
  [65, { ...common, status: 'refused', cause: 'stale' }],
  [3, { ...failed, outcome: 'failed', exitCode: 3 }],
  [139, { ...failed, outcome: 'failed', signal: 'SIGSEGV' }],
  [1, { ...failed, outcome: 'failed', error: undefined }],
  [70, { ...failed, outcome: 'failed' }],
  [73, { ...failed, outcome: 'leaseLost', exitCode: 0 }],
  [124, { ...failed, outcome: 'timedOut', signal: 'SIGTERM' }],
  [143, { ...failed, outcome: 'interrupted', exitCode: 0 }, 'SIGTERM'],
  [130, { ...failed, outcome: 'interrupted', signal: 'SIGKILL' }, 'SIGINT'],
  [127, { ...failed, outcome: 'notStarted', exitCode: 127 }],
  [143, { ...failed, outcome: 'notStarted' }, 'SIGTERM'],
  [73, { ...failed, outcome: 'notStarted' }],
] as ReadonlyArray<[number, { status: string; outcome?: string; cause?: string }, NodeJS.Signals?]>) {
  test(`${expected}: ${outcome.status} ${outcome.outcome ?? outcome.cause ?? ''} ${stopSignal ?? ''}`, () => {
    expect(code(outcome, stopSignal ?? null)).toBe(expected)
  })
}

test('a run that caught up: its own code, or else that of the first slot that did not succeed', () => {
  const ran = (own: object, ...caughtUp: object[]) => code({ ...own, caughtUp })
  const completed = { ...common, status: 'completed', attempt: 1, value: null }
  const taken = { ...common, status: 'taken' }
  const skipped = { ...common, status: 'skipped', attempt: 1, recorded: true }
  const [three, four] = [3, 4].map((exitCode) => ({ ...failed, outcome: 'failed', exitCode }))
  expect(ran(completed)).toBe(0)
  expect(ran(completed, completed, taken, skipped, { ...skipped, status: 'paused' })).toBe(0)
  expect(ran(completed, taken, three ?? {}, completed, four ?? {})).toBe(3)
  expect(ran(four ?? {}, three ?? {})).toBe(4)
  expect(ran(completed, { ...completed, status: 'unrecorded' }, three ?? {})).toBe(74)
  expect(ran({ ...common, status: 'duplicate', cause: 'completed' }, three ?? {})).toBe(7)
})

test('by default a duplicate has 0, and an error has the code of its kind', () => {
  const duplicate = { ...common, status: 'duplicate', cause: 'running', caughtUp: [] }
  expect(exitCodeOf(duplicate as unknown as TriggerResult<null>)).toBe(0)
  expect(exitCodeOf(new LedgerError('unreachable', 'no answer'))).toBe(75)
})
