import { expect, test } from 'vitest'
import { decide } from '../../../src/core/row/decide.ts'
import { DEFAULT_RERUNNABLE, RERUNNABLE, type Rerunnable } from '../../../src/core/row/policy.ts'
import { claimRow, finishRow, resolveRow, skipRow } from '../../../src/core/row/transition.ts'
import type { Ending, ResolvedState, Row, Trigger } from '../../../src/core/types.ts'
import { FAILED, FORCED, LEASE_MS, NOT_STARTED, NOW, SCHEDULED, SLOT, SUCCEEDED } from '../../support/rows.ts'

// Every history of one slot of up to three steps, each given to each kind of trigger. `mayStart` says whether a start is right.
// It shares nothing with the rules, and knows only what happened.

const STEPS = [
  ...['scheduled succeeded', 'scheduled failed', 'scheduled died', 'forced succeeded', 'forced failed', 'forced died'],
  ...['repair failed', 'withdrawn', 'paused', 'resolved completed', 'resolved failed', 'resolved skipped'],
] as const
type Step = (typeof STEPS)[number]
type Asking = 'scheduled' | 'catch-up' | 'repair' | Rerunnable

function mayStart(history: readonly Step[], asking: Asking, maxAttempts: number): boolean {
  const isDone = history.some((step) => / succeeded|resolved completed/.test(step))
  const isSkipped = history.some((step) => /paused|resolved skipped/.test(step))
  const isStart = (step: Step) => /^(scheduled|forced|repair)/.test(step)
  // Somebody ran the batch by hand, if it failed and nothing on record started before.
  const byHand = history.filter((step, at) => step === 'resolved failed' && !history.slice(0, at).some(isStart))
  const last = history.findLast((step) => step !== 'withdrawn')
  switch (asking) {
    case 'scheduled':
      return !isDone && !isSkipped && history.filter(isStart).length + byHand.length < maxAttempts
    case 'catch-up':
      return history.length === 0
    case 'repair':
      return !isDone && !/paused|skipped/.test(last ?? '')
    case 'missed':
      return history.length === 0
    case 'completed':
      return isDone
    case 'skipped':
      return !isDone && /paused|skipped/.test(last ?? '')
    case 'stale':
      return !isDone && / died/.test(last ?? '')
    case 'failed':
      return !isDone && history.length > 0 && !/paused|skipped| died/.test(last ?? '')
  }
}

const TRIGGERS: Readonly<Record<'scheduled' | 'catch-up', Trigger>> = {
  scheduled: SCHEDULED,
  'catch-up': { ...SCHEDULED, source: 'catch-up' } as Trigger,
}
const ENDINGS: Readonly<Record<string, Ending | undefined>> = { succeeded: SUCCEEDED, failed: FAILED }
/** Long after each lease. */
const HOURS_LATER = NOW + 10 * LEASE_MS

function rowAfter(history: readonly Step[]): Row | null {
  let row: Row | null = null
  for (const [index, step] of history.entries()) {
    const [first = '', second = ''] = step.split(' ')
    const stamp = { now: NOW, writeId: `write-${index}` }
    const claim = {
      task: 'nightly',
      window: { slot: SLOT, end: SLOT + 86_400_000 },
      schedule: { expression: '0 3 * * *', zone: 'UTC' },
      zoneData: '2026a',
      runId: `run-${index}`,
      trigger: first === 'forced' || first === 'repair' ? FORCED : SCHEDULED,
      host: { host: 'host' },
    }
    if (first === 'resolved') {
      row = resolveRow(
        row,
        { ...claim, state: second.toUpperCase() as ResolvedState, by: 'ada', reason: 'looked' },
        stamp,
      )
      continue
    }
    const claimed = claimRow(row, claim, stamp, LEASE_MS)
    const ending = ENDINGS[second]
    if (step === 'paused') row = skipRow(claimed, { by: 'cronledger', reason: 'paused: by ada' }, stamp)
    else if (step === 'withdrawn') row = finishRow(claimed, NOT_STARTED, stamp)
    else row = ending === undefined ? claimed : finishRow(claimed, ending, stamp)
  }
  return row
}

function starts(row: Row | null, asking: Asking, maxAttempts: number): boolean {
  const trigger = asking === 'scheduled' || asking === 'catch-up' ? TRIGGERS[asking] : FORCED
  const ofRepair = { forceStatus: DEFAULT_RERUNNABLE, forceOfRange: true } as const
  const force = asking === 'repair' ? ofRepair : trigger === FORCED ? { forceStatus: [asking as Rerunnable] } : {}
  const policy = { maxAttempts, maxLatenessMs: null, skewMs: 30_000, ...force }
  const facts = { now: HOURS_LATER, survivor: null, objection: null }
  return decide(row, { ...trigger, slot: SLOT }, policy, facts).kind === 'start'
}

const longer = (histories: readonly (readonly Step[])[]) =>
  histories.flatMap((one) => STEPS.map((step) => [...one, step]))
const ONE = longer([[]])
const HISTORIES: readonly (readonly Step[])[] = [[], ...ONE, ...longer(ONE), ...longer(longer(ONE))]
const ASKING: readonly Asking[] = ['scheduled', 'catch-up', 'repair', ...RERUNNABLE]

// promise: attempts-count
test.each(ASKING)('after each history of up to three steps, a trigger starts where it should: %s', (asking) => {
  const wrong = HISTORIES.flatMap((history) => {
    const row = rowAfter(history)
    const limits = [1, 2, 3].filter((max) => starts(row, asking, max) !== mayStart(history, asking, max))
    return limits.map((max) => `${history.join(', ') || 'nothing'}; --max-attempts ${max}`)
  })
  expect(wrong).toEqual([])
})
