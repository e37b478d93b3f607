import type { TaskRecord } from '../../src/core/task/task-record.ts'
import type { AttemptRecord, Row } from '../../src/core/types.ts'
import type { Settings } from '../../src/run/settings.ts'
import type { Host, Work } from './host.ts'
import { PAST_RUN, type Stored } from './ledger.ts'
import { START_MS } from './scenario.ts'

// The promises about runs that do the work since the last success. Like promises.ts, this file shares no code with the rules.

export interface Observed {
  readonly hosts: readonly Host[]
  readonly slots: ReadonlyMap<number, Stored>
  record(): TaskRecord
  readonly settings: Settings
  nowMs(): number
}

export type Say = (promise: string, text: string) => void

export interface Running {
  readonly host: Host
  readonly work: Work
}

export function hasWorkOf(slot: number, { host, work }: Running): boolean {
  if (slot >= host.slot) return slot === host.slot
  return !host.plan.isPlain && (work.since ?? Number.NEGATIVE_INFINITY) < slot
}

/** The range of a run is on record, and has nothing that is known as done. */
export function checkRange(host: Host, work: Work, { hosts, slots, settings, nowMs }: Observed, say: Say): void {
  const { plan, slot } = host
  if (!settings.sinceLastSuccess || plan.isPlain) return
  const own = slots.get(slot)?.row.attempts.find(({ number, runId }) => number === work.number && runId === plan.name)
  if (own !== undefined && (own.since ?? null) !== work.since)
    say('the range of a run is on record before it starts', `${plan.name} went on from ${work.since}`)
  const rows = [...slots.values()].map((stored) => stored.row).filter((row) => row.slot <= START_MS)
  const read = knownRows(host, slots).filter((row) => row.slot <= START_MS)
  const from = work.since
  if (from !== null && !read.some((row) => row.slot < slot && isDone(row, from)))
    say('a run goes on from a slot that is done', `${plan.name} went on from ${from}`)
  const late = new Set(hosts.filter(({ hasLapsed }) => hasLapsed).map((other) => other.plan.name))
  for (const row of rows) {
    if (row.state === 'PENDING' && row.ownerRunId === PAST_RUN && hasWorkOf(row.slot, { host, work }))
      say('one at a time', `${plan.name} started while an earlier slot ran`)
    const isCalled = row.resolutions.some(({ state, at }) => state === 'COMPLETED' && at < nowMs())
    if (isCalled && row.slot !== slot && hasWorkOf(row.slot, { host, work }))
      say('known work is done once', `${plan.name} does what an operator marked as completed`)
    const known = row.attempts.filter(({ runId }) => !late.has(runId) && runId !== plan.name)
    for (const attempt of known.filter(({ outcome }) => outcome === 'succeeded')) {
      const again = [...slots.keys(), slot].find((one) => hasWorkOf(one, { host, work }) && hasDone(attempt, row, one))
      if (again !== undefined && !plan.only?.includes('completed'))
        say('known work is done once', `${plan.name} does what ${attempt.runId} has done`)
    }
  }
}

export function knownRows({ removed }: Host, slots: Observed['slots']): readonly Row[] {
  return [...[...slots.values()].map((stored) => stored.row), ...removed.map(({ row }) => row)]
}

export function isDone(row: Row, slot: number): boolean {
  const isCalled = row.slot === slot && row.resolutions.some(({ state }) => state === 'COMPLETED')
  return isCalled || row.attempts.some((one) => one.outcome === 'succeeded' && hasDone(one, row, slot))
}

function hasDone({ since, ...attempt }: AttemptRecord, row: Row, slot: number): boolean {
  const { searched = row.slot } = attempt as { readonly searched?: number }
  return slot === row.slot || (slot < row.slot && (since ?? searched) < slot)
}
