import type { ExpectedTimes, StatedExpectations } from '../../../src/core/task/task-record.ts'
import type { StoredRow } from '../../../src/core/types.ts'
import { isFinding, NO_FINDINGS, type TaskFinding } from '../../../src/verdict/judge.ts'
import { collectProblems } from '../../../src/verdict/problems.ts'
import type { Needs } from '../../../src/web/views/overview/needs.tsx'
import { FAILED, judgedAt, LEASE_MS, NOW, pending, recordWith, rowWith, SUCCEEDED } from '../rows.ts'

// Findings for tests of the views.

const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
const { slot } = rowWith({})
/** An hour after the slot of all findings. */
export const LATER = NOW + 3_600_000
const live = { ...pending(rowWith({})), leaseUntil: LATER + LEASE_MS }

function finding(
  row: StoredRow | null,
  at: Partial<ExpectedTimes & StatedExpectations> = {},
  task = 'nightly',
): TaskFinding {
  const { expect, owner, ...times } = at
  const expectations = { since: 0, ...(expect && { expect }), ...(owner && { owner }) }
  const record = recordWith([{ since: slot - 86_400_000, spec: schedule }], { expectations })
  const own = row && { ...row, task, ...('schedule' in row && { schedule }) }
  const found = judgedAt(LATER, own as StoredRow | null, { record, task, ...times })
  if (!isFinding(found)) throw new Error('the slot needs no attention')
  return found
}

const early = { ...rowWith({ ending: SUCCEEDED }), slot: slot - 86_400_000 }
const [team, weekly] = ['the data team', 'weekly']
export const FINDINGS: readonly TaskFinding[] = [
  finding(null),
  finding(rowWith({ ending: FAILED })),
  finding(rowWith({})),
  finding({ task: 'nightly', slot, schemaVersion: 9, newerSchema: true }),
  finding(live, { doneByMs: 1, owner: team }, weekly),
  finding(early, { expect: 'rows>=1', owner: team }, weekly),
  finding(rowWith({ ending: SUCCEEDED }), { lateAfterMs: 1, owner: team }, weekly),
]

export const WELL: Needs = {
  tasks: 3,
  of: 3,
  isWhole: true,
  count: NO_FINDINGS,
  byTask: new Map(),
  problems: [],
  when: 'in the last 7 days',
  now: LATER,
  zone: 'Asia/Tokyo',
  faults: [],
}

const collected = collectProblems()
const older = FINDINGS.filter(({ kind }) => kind === 'missed').map((found) => ({ ...found, slot: slot - 86_400_000 }))
for (const found of [...FINDINGS.slice(0, 4), ...older, ...FINDINGS.slice(4)]) collected.add(found)

/** One slot of each kind needs attention, and two were missed. */
export const ILL: Needs = {
  ...WELL,
  count: { missed: 2, failed: 1, stale: 1, unknown: 1, overdue: 1, unusual: 1, late: 1 },
  byTask: new Map(
    ['nightly', 'weekly'].map((task) => [
      task,
      new Map(FINDINGS.flatMap((found) => (found.task === task ? [[found.kind, 1] as const] : []))),
    ]),
  ),
  problems: collected.problems(),
}
