import { NO_FINDINGS, type TaskFinding } from '../../../src/core/task/findings.ts'
import { collectIncidents } from '../../../src/verdict/incidents.ts'
import type { Needs } from '../../../src/web/views/overview/needs.tsx'
import { FAILED, LEASE_MS, NOW, pending, rowWith, SUCCEEDED, timesAt } from '../rows.ts'

// Findings for tests of the views.

const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
const { slot } = rowWith({})
/** An hour after the slot of all findings. */
export const LATER = NOW + 3_600_000
const times = timesAt(LATER, { lateAfterMs: 1, doneByMs: null })
const live = { ...pending(rowWith({})), leaseUntil: LATER + LEASE_MS }

export const FINDINGS: readonly TaskFinding[] = [
  { kind: 'missed', status: 'missed', slot, task: 'nightly', times, schedule },
  { kind: 'failed', status: 'failed', slot, task: 'nightly', times, schedule, row: rowWith({ ending: FAILED }) },
  { kind: 'stale', status: 'stale', slot, task: 'nightly', times, schedule, row: rowWith({}) },
  {
    ...{ kind: 'unknown', status: 'unknown', slot, task: 'nightly', times, schedule },
    row: { task: 'nightly', slot, schemaVersion: 9, newerSchema: true },
  },
  { kind: 'overdue', status: 'overdue', slot, task: 'weekly', times, schedule, row: live, owner: 'the data team' },
  {
    ...{ kind: 'unusual', status: 'completed', slot: slot - 3_600_000, task: 'weekly', times, schedule },
    row: { ...rowWith({ ending: SUCCEEDED }), slot: slot - 3_600_000 },
    unmet: [{ name: 'rows', operator: '>=', bound: 1, isRelative: false, value: 0, usual: null }],
  },
  {
    kind: 'late',
    status: 'completed',
    slot,
    task: 'weekly',
    times,
    schedule,
    row: rowWith({ ending: SUCCEEDED }),
    owner: 'the data team',
  },
]

export const WELL: Needs = {
  tasks: 3,
  isWhole: true,
  count: NO_FINDINGS,
  byTask: new Map(),
  incidents: [],
  when: 'in the last 7 days',
  now: LATER,
  problems: [],
}

const collected = collectIncidents()
const older = FINDINGS.filter(({ kind }) => kind === 'missed').map((found) => ({ ...found, slot: slot - 86_400_000 }))
for (const found of [...FINDINGS.slice(0, 4), ...older, ...FINDINGS.slice(4)]) collected.add(found)

/** One slot of each kind needs attention, and two were missed. */
export const ILL: Needs = {
  ...WELL,
  count: { missed: 2, failed: 1, stale: 1, unknown: 1, overdue: 1, unusual: 1, late: 1 },
  byTask: new Map(
    ['nightly', 'weekly'].map((task) => [
      task,
      new Set(FINDINGS.flatMap((found) => (found.task === task ? found.kind : []))),
    ]),
  ),
  incidents: collected.incidents(),
}
