import { expect, test } from 'vitest'
import { LedgerError } from '../../../src/core/errors.ts'
import { withPause, withResumption, withRetirement } from '../../../src/core/task/task-changes.ts'
import {
  EMPTY_TASK_RECORD,
  isNewerRecord,
  type Suspension,
  type TaskRecord,
} from '../../../src/core/task/task-record.ts'
import {
  changeTask,
  readChangeable,
  readRecord,
  type TaskChangeRequest,
  writeRecord,
} from '../../../src/run/task/task-record.ts'
import { CALL, NOW, PAUSE, recordWith } from '../../support/rows.ts'
import { type Call, type Fate, faultyStore } from '../../support/simulated/faulty-store.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'
import { virtualTime } from '../../support/simulated/virtual-clock.ts'
import { fates, recordVerbs, TASK } from '../../support/simulated/world.ts'

const SHARED = { signals: [], pageTimeoutMs: 30_000, random: () => 0.5 }
const KNOWN = recordWith([{ since: NOW, spec: { expression: '0 3 * * *', zone: 'UTC' } }])
const OTHER: Suspension = { ...PAUSE, by: 'bob', reason: 'network' }
const RETIREMENT: Suspension = { ...PAUSE, reason: 'replaced by nightly-v2' }

const same = (one: Suspension, other: Suspension) => one.by === other.by && one.reason === other.reason
const pausing = (pause: Suspension): TaskChangeRequest => ({
  task: TASK,
  what: 'the pause',
  change: (record) => withPause(record, pause),
  isIn: ({ pauses }) => pauses.some((one) => same(one, pause)),
})

async function ledgerWith(record: TaskRecord | null = KNOWN) {
  const time = virtualTime(NOW)
  const ledger = memoryStore()
  if (record !== null) await writeRecord(TASK, record, 'absent', ledger, CALL)
  const stored = async () => {
    const { record } = await readRecord(TASK, ledger, CALL)
    if (isNewerRecord(record)) throw new Error('a newer record')
    return record
  }
  async function change(request: TaskChangeRequest, fateOf: (call: Call) => Fate = () => ({ kind: 'answered' })) {
    const clock = time.clock()
    const io = { clock, store: faultyStore(ledger, clock, fateOf), ...SHARED }
    return changeTask(request, await readChangeable(TASK, io), io)
  }
  return { time, ledger, stored, change: (...args: Parameters<typeof change>) => time.run(change(...args)) }
}

const isWrite = ({ verb }: Call) => verb === 'writeEntry'

test('a change of a task record is read and written: two requests', async () => {
  const { change, stored } = await ledgerWith()
  const { verbs, fateOf } = recordVerbs()
  expect(await change(pausing(PAUSE), fateOf)).toEqual({ changed: true, record: { ...KNOWN, pauses: [PAUSE] } })
  expect(verbs).toEqual(['readEntry', 'writeEntry'])
  expect(await stored()).toEqual({ ...KNOWN, pauses: [PAUSE] })
})

test('a task without a record gets one', async () => {
  const { change, stored } = await ledgerWith(null)
  expect(await change(pausing(PAUSE))).toMatchObject({ changed: true })
  expect(await stored()).toEqual({ ...EMPTY_TASK_RECORD, pauses: [PAUSE] })
})

// promise: operators-at-once
test('a change is made again on top of the change of another operator, so that none is lost', async () => {
  const { change, stored, ledger } = await ledgerWith()
  let isFirst = true
  const overtaken = (call: Call): Fate => {
    if (isWrite(call) && isFirst) {
      isFirst = false
      void writeRecord(TASK, withPause(KNOWN, OTHER), 1, ledger, CALL)
    }
    return { kind: 'answered', afterMs: 5 }
  }
  expect(await change(pausing(PAUSE), overtaken)).toMatchObject({ changed: true, record: { pauses: [OTHER, PAUSE] } })
  expect((await stored()).pauses).toEqual([OTHER, PAUSE])
})

test('a record that needs no change is written as it is: what a read finds may be on no standby', async () => {
  const { change, stored } = await ledgerWith(withRetirement(KNOWN, RETIREMENT))
  const { verbs, fateOf } = recordVerbs()
  const retire = { ...pausing(PAUSE), change: (record: TaskRecord) => withRetirement(record, PAUSE) }
  expect(await change(retire, fateOf)).toMatchObject({ changed: false, record: { retirements: [RETIREMENT] } })
  expect(verbs).toEqual(['readEntry', 'writeEntry'])
  expect((await stored()).retirements).toEqual([RETIREMENT])
})

const lostOnce = (afterMs = 0) => fates(isWrite, { kind: 'answerLost', afterMs })

// promise: pause-answer-lost
test('a change whose answer is lost is recorded once', async () => {
  const { change, stored } = await ledgerWith()
  expect(await change(pausing(PAUSE), lostOnce())).toMatchObject({ changed: true, record: { pauses: [PAUSE] } })
  expect((await stored()).pauses).toEqual([PAUSE])
})

test('a change of a task record whose answer is lost is found below the change of another operator', async () => {
  const { change, stored, ledger } = await ledgerWith()
  const ended = { at: NOW, by: 'bob', reason: 'over' }
  let writes = 0
  const overwritten = (call: Call): Fate => {
    if (!isWrite(call)) return { kind: 'answered' }
    if (++writes === 1) return { kind: 'answerLost' }
    // Another operator ends the pause before the write is sent again.
    void writeRecord(TASK, withResumption(withPause(KNOWN, PAUSE), NOW, ended) ?? KNOWN, 2, ledger, CALL)
    return { kind: 'answered', afterMs: 5 }
  }
  expect(await change(pausing(PAUSE), overwritten)).toMatchObject({ changed: true })
  expect((await stored()).pauses).toEqual([{ ...PAUSE, until: NOW, ended }])
})

// promise: pause-answer-lost
test.each([
  ['never comes', { kind: 'stalled' }, { kind: 'answered' }],
  ['is lost, and the credentials then expire', { kind: 'answerLost' }, { kind: 'denied' }],
] as const)(
  'a change whose answer is lost and that %s: unreachable, and it says how to find out',
  async (_, first, second) => {
    const { change } = await ledgerWith()
    const again = second.kind === 'denied' ? [first, second] : Array.from({ length: 100 }, () => first)
    const error = await change(pausing(PAUSE), fates(isWrite, ...again)).catch((thrown: unknown) => thrown)
    const unknown =
      /^the pause of task nightly may or may not be recorded, .* run: cronledger tasks\. To make sure, run /
    expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringMatching(unknown) })
  },
)

test('a change of a task record whose answer is lost and whose error ends with a full stop: the sentence has one', async () => {
  const { time, ledger } = await ledgerWith()
  const full = new LedgerError('unreachable', 'the ledger cannot be written. Free some space on its disk.')
  const io = { clock: time.clock(), store: { ...ledger, writeEntry: () => Promise.reject(full) }, ...SHARED }
  const change = async () => changeTask(pausing(PAUSE), await readChangeable(TASK, io), io)
  await expect(time.run(change())).rejects.toThrow(/on its disk\. To see what is in force/)
})

test('a change of a task record whose answer is lost and whose record then cannot be read: unreachable too, never a denial', async () => {
  const { change, stored } = await ledgerWith()
  const lost = fates(isWrite, { kind: 'answerLost' })
  let reads = 0
  const fateOf = (call: Call): Fate => (call.verb === 'readEntry' && ++reads > 1 ? { kind: 'denied' } : lost(call))
  await expect(change(pausing(PAUSE), fateOf)).rejects.toMatchObject({ kind: 'unreachable' })
  expect((await stored()).pauses).toEqual([PAUSE])
})

test('the ledger refuses it: the error says so, and nothing is unknown', async () => {
  const { change, stored } = await ledgerWith()
  await expect(change(pausing(PAUSE), fates(isWrite, { kind: 'denied' }))).rejects.toMatchObject({ kind: 'denied' })
  expect(await stored()).toEqual(KNOWN)
})

test('a write that only waited for a lock has changed nothing, and the error does not say that it may have', async () => {
  const { change, stored } = await ledgerWith()
  const busy = fates(isWrite, ...Array.from({ length: 100 }, () => ({ kind: 'busy' }) as const))
  await expect(change(pausing(PAUSE), busy)).rejects.toMatchObject({ message: 'writeEntry: busy' })
  expect(await stored()).toEqual(KNOWN)
})

// promise: newer-task-record
test('a record by a newer cronledger is refused, untouched', async () => {
  const { change, ledger } = await ledgerWith(null)
  const document = { schemaVersion: 99, pauses: 'in a form of its own' }
  await ledger.writeEntry({ task: TASK, kind: '#task' }, { version: 1, document }, 'absent', CALL)
  const message = 'a newer version of cronledger wrote the record of task nightly (schema 99)'
  await expect(change(pausing(PAUSE))).rejects.toThrow(message)
  expect(await ledger.readEntry({ task: TASK, kind: '#task' }, CALL)).toEqual({ version: 1, document })
})

// promise: newer-task-record
test('a record that a newer cronledger wrote in the meantime is refused, untouched', async () => {
  const { change, ledger } = await ledgerWith()
  const document = { schemaVersion: 99 }
  const overtaken = (call: Call): Fate => {
    if (isWrite(call)) void ledger.writeEntry({ task: TASK, kind: '#task' }, { version: 2, document }, 1, CALL)
    return { kind: 'answered', afterMs: 5 }
  }
  await expect(change(pausing(PAUSE), overtaken)).rejects.toMatchObject({ kind: 'shape' })
  expect(await ledger.readEntry({ task: TASK, kind: '#task' }, CALL)).toEqual({ version: 2, document })
})
