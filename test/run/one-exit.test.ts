// Covers src/run/claimed-slot.ts: the one exit of a claimed slot after an error.
import { describe, expect, test } from 'vitest'
import type { StoredDocument } from '../../src/core/row/stored-fields.ts'
import type { KnownRecords } from '../../src/run/task/task-record.ts'
import { HOUR_MS, MINUTE_MS } from '../support/rows.ts'
import { failsAfter, type HostOptions, isFinish, works, world } from '../support/simulated/world.ts'

const WAIT = { overlap: 'wait' } as const
const BUG = new TypeError('a bug')

type World = ReturnType<typeof world>

function holdLock(ledger: World['ledger'], document: StoredDocument): void {
  ledger.readEntry = async ({ kind }) => (kind === '#task' ? null : { version: 1, document })
}

function throwAtBegin({ ledger }: World, number: number): void {
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    const attempt = row.attempts.at(-1)
    if (attempt?.phase === 'running' && attempt.number === number && attempt.claimedAt !== undefined) throw BUG
    return put(row, expected, call)
  }
}

// promise: error-after-claim
describe('an error after the claim, whatever its kind', () => {
  const throwing: KnownRecords = {
    get() {
      throw BUG
    },
    recent: () => null,
    add() {},
  }
  const noEntry = ({ ledger }: World) => holdLock(ledger, { runId: 7 })
  const noRow = ({ ledger }: World) => {
    holdLock(ledger, { runId: 'other', runningSlot: '2026-11-23T03:00:00Z' })
    ledger.get = () => Promise.reject(BUG)
  }
  test.each<[string, object, HostOptions, (at: World) => void]>([
    ['an entry of the overlap lock that cannot be read', { kind: 'shape' }, { settings: WAIT }, noEntry],
    ['a bug in a read of the slot that has the lock', BUG, { settings: WAIT }, noRow],
    ['a bug in the write that begins the attempt', BUG, { settings: WAIT }, (at) => throwAtBegin(at, 1)],
    ['a bug before the work is started', BUG, { known: throwing }, () => {}],
  ])('the lease is released, the claim finished as notStarted: %s', async (_, error, options, arrange) => {
    const at = world()
    const { time, trigger, row, ledger } = at
    const { get, put, readEntry } = ledger
    arrange(at)
    let writes = 0
    const run = trigger('a', works(1), {
      ...options,
      fateOf({ verb }) {
        if (verb === 'put') writes += 1
        return { kind: 'answered', afterMs: 5 }
      },
    })
    await expect(time.run(run.result)).rejects.toMatchObject(error)
    expect(run.starts()).toBe(0)
    expect(run.events.at(-1)).toMatchObject({ event: 'withdrawn', certain: true, detail: expect.any(String) })
    Object.assign(ledger, { get, put, readEntry })
    expect(await row()).toMatchObject({ leaseUntil: null, attempts: [{ runId: 'a', outcome: 'notStarted' }] })
    const writesAtEnd = writes
    await time.run(time.clock().wait(HOUR_MS))
    expect(writes).toBe(writesAtEnd)
    expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'completed', attempt: 2 })
  })

  test('a ledger that is out of reach too: the error of the run is thrown, and the log says that the slot may stay taken', async () => {
    const { time, trigger, ledger } = world()
    const run = trigger('a', works(1), {
      settings: WAIT,
      fateOf: (call) => ({ kind: call.verb === 'put' && call.expected !== 'absent' ? 'dropped' : 'answered' }),
    })
    ledger.readEntry = async () => ({ version: 1, document: { runId: 7 } })
    await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'shape' })
    expect(run.events.at(-1)).toMatchObject({ event: 'withdrawn', certain: false })
  })

  test('a log that throws costs neither the batch nor the record of it', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(3 * MINUTE_MS), {
      onEvent() {
        throw BUG
      },
    })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
  })

  test('a bug in the write of the end: the outcome of the work stands, and is not called recorded', async () => {
    const { time, trigger, ledger } = world()
    const { put } = ledger
    ledger.put = async (row, expected, call) => {
      if (isFinish({ verb: 'put', row, expected })) throw BUG
      return put(row, expected, call)
    }
    const run = trigger('a', works(1))
    expect(await time.run(run.result)).toEqual({ status: 'unrecorded', attempt: 1, value: 'done' })
    expect(run.events.at(-1)).toMatchObject({ event: 'ended', finish: 'unanswered', finishCause: 'a bug' })
  })

  test('an error in a retry: the attempt before keeps its end, and the retry is finished as notStarted', async () => {
    const at = world()
    const { time, trigger, row, ledger } = at
    const { put } = ledger
    throwAtBegin(at, 2)
    const run = trigger('a', failsAfter(1), { settings: { maxAttempts: 3, retryDelayMs: 10_000 } })
    await expect(time.run(run.result)).rejects.toBe(BUG)
    ledger.put = put
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'notStarted'])
    expect(await row()).toMatchObject({ state: 'FAILED', leaseUntil: null })
    expect(run.events.at(-1)).toMatchObject({ event: 'ended', finish: 'recorded', detail: 'a bug' })
  })

  test('between the end of an attempt and its record: that end is recorded', async () => {
    const { time, trigger, row, ledger } = world()
    const { put } = ledger
    ledger.put = async (next, expected, call) => {
      if (next.attempts.length === 2) throw BUG
      return put(next, expected, call)
    }
    const run = trigger('a', failsAfter(1), { settings: { maxAttempts: 3, retryDelayMs: 10_000 } })
    await expect(time.run(run.result)).rejects.toBe(BUG)
    expect(await row()).toMatchObject({ state: 'FAILED', leaseUntil: null, attempts: [{ outcome: 'failed' }] })
    expect(run.events.at(-1)).toMatchObject({ event: 'ended', ending: { outcome: 'failed' }, finish: 'recorded' })
  })
})
