import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { isUnreadable } from '../../src/core/row/status.ts'
import { finishRow } from '../../src/core/row/transition.ts'
import type { Row, StoredRow } from '../../src/core/types.ts'
import { exitCodeOf } from '../../src/exit-code.ts'
import type { Store } from '../../src/store/store.ts'
import { claimOf } from '../store/contract.ts'
import { cronledger } from '../support/cli.ts'
import { inProcess } from '../support/in-process.ts'
import { type Passing, startFaultyProxy } from '../support/proxy.ts'
import { awsEnv, openTestStore, type Server, startDynalite } from '../support/servers.ts'
import { standingClock } from '../support/standing-clock.ts'
import { FAULTS, type Fault } from './faults.ts'

// Every fault of the network, at every point of a run, once and permanently, with a real server. wire.test.ts has processes.

/** The requests of each point. They do not include the withdrawal of a claim and the task record. */
const POINTS = {
  claim: ({ action, state }: Passing) => action === 'PutItem' && state === 'PENDING',
  renewal: ({ action, state }: Passing) => action === 'UpdateItem' && state === 'PENDING',
  finish: ({ action, state }: Passing) => action === 'UpdateItem' && state === 'COMPLETED',
  note: ({ action, state }: Passing) => action === 'UpdateItem' && state === null,
  query: ({ action }: Passing) => action === 'Query',
} as const
type Point = keyof typeof POINTS

type Times = 'once' | 'for good'

interface Promised {
  readonly code: number
  readonly started: 0 | 1
  /** The row in the end, also after all requests that were held have arrived. Null: there is none. */
  readonly row: {
    readonly state: Row['state']
    readonly outcomes: readonly unknown[]
    readonly rejected: number
  } | null
}

const row = (state: Row['state'], outcome: string | undefined, rejected = 0) =>
  ({ state, outcomes: [outcome], rejected }) as const
const DONE: Promised = { code: 0, started: 1, row: row('COMPLETED', 'succeeded') }

/** What is promised of a fault at a point: the whole of the matrix. */
function promised(point: Point, { name, is, applied }: Fault, times: Times): Promised {
  const passes = is === 'late' || (is === 'lost' && times === 'once')
  switch (point) {
    case 'claim':
      // The permissions of a new role may not be known everywhere yet.
      if (passes || (name === 'AccessDeniedException' && times === 'once')) return DONE
      if (is === 'denied') return { code: 77, started: 0, row: null }
      // Given up and withdrawn: whatever of the claim arrives later, the slot is free.
      return { code: 75, started: 0, row: row('FAILED', 'notStarted') }
    case 'renewal':
      // With one attempt, no outage costs the batch or its record.
      return DONE
    case 'finish':
      // A finish is retried after every error, because credentials may come back.
      if (passes || times === 'once') return DONE
      if (applied === 'now') return { ...DONE, code: 74 }
      // The requests that were held arrive in the end. No other run owns the slot then.
      return { code: 74, started: 1, row: applied === 'later' ? DONE.row : row('PENDING', undefined) }
    case 'note':
      // The row guards the slot, the note only tells; it counts once, however often it was sent.
      return { code: 0, started: 0, row: row('COMPLETED', 'succeeded', passes || applied !== 'never' ? 1 : 0) }
    case 'query':
      return { code: passes ? 0 : is === 'denied' ? 77 : 75, started: 0, row: row('COMPLETED', 'succeeded') }
  }
}

/** A fault that stays is met this often before the limit comes: more often than the SDK tries a request. */
const TIMES = 5

let slots = 0

describe.concurrent('each fault at each point', () => {
  let server: Server
  let store: Store
  beforeAll(async () => {
    server = await startDynalite()
    await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
    store = openTestStore(server.endpoint)
  })
  afterAll(async () => {
    store.close()
    await server.stop()
  })

  const cells = (['claim', 'renewal', 'finish', 'note', 'query'] as const).flatMap((point) =>
    FAULTS.flatMap((fault) => (['once', 'for good'] as const).map((times) => ({ point, fault, times }))),
  )
  // promise: claim-answer-lost, finish-answer-lost
  test.each(cells)('the $point, $fault.name, $times', async ({ point, fault, times }) => {
    const task = `task-${++slots}`
    const proxy = await startFaultyProxy(server.endpoint)
    const { clock, endLimits } = standingClock()
    const table = inProcess(openTestStore(proxy.url), clock)
    const call = { signal: AbortSignal.timeout(300_000) }
    const slot = Date.parse('2026-01-02T03:00:00Z')
    if (point === 'note' || point === 'query') {
      const claim = claimOf(task, { slot })
      await store.put(claim, 'absent', call)
      const stamp = { writeId: 'w', now: slot + 2_000 }
      await store.put(finishRow(claim, { outcome: 'succeeded', exitCode: 0 }, stamp), claim, call)
    }

    let armed = point !== 'renewal'
    let met = 0
    let renewals = 0
    proxy.treat((passing) => {
      if (!armed || !POINTS[point](passing)) return 'pass'
      renewals += 1
      if (times === 'once' && met > 0) return 'pass'
      met += 1
      // Only the limit ends a fault that stays. The SDK would wait 5 s for an answer that never comes.
      const isStalled = fault.how === 'stall' || fault.how === 'stallAnswer'
      if (times === 'for good' && fault.is !== 'late' && met === (isStalled ? 1 : TIMES)) endLimits()
      return fault.how
    })
    const batch = async () => {
      if (point !== 'renewal') return
      // Not before the batch runs: a claim whose answer is long in coming is renewed at once, which is part of the claim.
      armed = true
      await proxy.arrived(() => renewals > 1)
    }
    const heartbeatMs = point === 'renewal' ? 800 : 120_000
    const trigger = { task, schedule: '0 3 * * *', eventTime: '2026-01-02T03:00:05Z', skewMs: 0, heartbeatMs }
    const { code, started } = await (point === 'query' ? history(table, task) : table.run(trigger, batch))
    await proxy.release()
    table.store.close()
    proxy.close()

    expect(met, 'the fault was met').toBeGreaterThan(0)
    const found = await store.get({ task, slot }, call)
    expect({ code, started, row: summary(found) }).toEqual(promised(point, fault, times))
  })
})

async function history(table: ReturnType<typeof inProcess>, task: string) {
  try {
    const ledger = table.reading(20_000)
    // A command reads the record first. A denial of the first request is tried again.
    for await (const _ of ledger.tasks({ task }));
    const rows: Promised['row'][] = []
    for await (const row of ledger.history({ task })) rows.push(summary(row))
    expect(rows).toMatchObject([{ state: 'COMPLETED' }])
    return { code: 0, started: 0 }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { code: exitCodeOf(error), started: 0 }
  }
}

function summary(found: StoredRow | null): Promised['row'] {
  if (found === null || isUnreadable(found)) return null
  const { state, attempts, rejections } = found
  return { state, outcomes: attempts.map(({ outcome }) => outcome), rejected: rejections.count }
}
