import { expect, test } from 'vitest'
import type { RunOutcome } from '../../src/api.ts'
import { exitCodeOf } from '../../src/cli/exit.ts'

const common = { task: 'nightly', slot: new Date(0), windowEnd: null, runId: 'r' }
const failed = { ...common, status: 'failed', attempt: 1, recorded: true } as const
const code = (outcome: object, stopSignal: NodeJS.Signals | null = null) =>
  exitCodeOf(outcome as RunOutcome<null>, { onDuplicate: 7, onRunning: 75 }, stopSignal)

for (const [expected, outcome, stopSignal] of [
  [0, { ...common, status: 'completed', attempt: 1, value: null }],
  [74, { ...common, status: 'unrecorded', attempt: 1, value: null }],
  [7, { ...common, status: 'duplicate', cause: 'completed' }],
  [7, { ...common, status: 'duplicate', cause: 'skipped' }],
  [75, { ...common, status: 'duplicate', cause: 'running' }],
  [65, { ...common, status: 'refused', cause: 'stale' }],
  [3, { ...failed, outcome: 'failed', exitCode: 3 }],
  [139, { ...failed, outcome: 'failed', signal: 'SIGSEGV' }],
  [70, { ...failed, outcome: 'failed', error: new Error('a bug') }],
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
