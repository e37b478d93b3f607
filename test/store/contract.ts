import { createHash, randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import { describe, expect, it, vi } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { formatInstant } from '../../src/core/instant.ts'
import { FIRST_REJECTIONS } from '../../src/core/row/rejections.ts'
import { isUnreadable } from '../../src/core/row/status.ts'
import type { StoredDocument } from '../../src/core/row/stored-fields.ts'
import { encodeRow, REJECTION } from '../../src/core/row/stored-row.ts'
import { claimRow, finishRow, renewLease } from '../../src/core/row/transition.ts'
import { encodeTaskRecord } from '../../src/core/task/task-record.ts'
import type { Instant, Rejection, Row, Trigger } from '../../src/core/types.ts'
import { systemClock } from '../../src/process/clock.ts'
import { storedKey } from '../../src/store/page.ts'
import type { EntryKey, ListQuery, Page, SlotsPage, Store, StoredKey } from '../../src/store/store.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import { inProcess } from '../support/in-process.ts'
import { DAY_MS, FAILED, HOUR_MS, recordWith, SLOT } from '../support/rows.ts'

/** The contract needs these parts of a store: an empty ledger, and a way to write rows that this version would never write. */
export interface Subject {
  readonly store: Store
  writeRaw(document: StoredDocument): Promise<void>
  readRaw(key: StoredKey): Promise<object>
  /** How long a listing may lag behind the writes: a real table is eventually consistent. */
  readonly listingLagMs?: number
}

/** Rows of slots that have not completed. `EVERY=1` writes as many as a run reads. */
const OTHER_ROWS = process.env['EVERY'] === '1' ? 1_000 : 120
const SCHEDULED: Trigger = { kind: 'scheduled', eventTime: SLOT, source: 'event-time' }

/** Texts that a reason may contain: other scripts, emoji, control characters, and the special characters of JSON and SQL. */
const ODD_TEXT = 'zurück 再実行 🙈 \u0000\u0007\u001b[31m\r\n\t"\'\\ \u2028 %s :a #b'

/** A random part of the name of every task: two runs on one table do not meet. */
const RUN = randomUUID().slice(0, 8)

/** dynalite keeps entries by 24 bits of a hash of their keys, so of two tasks with the same bits it lists only one. */
function onesThatDynaliteKeeps(tasks: readonly string[]): readonly string[] {
  const bits = (task: string) => createHash('md5').update(`Outliers${task}#task`).digest('hex').slice(0, 6)
  return [...new Map(tasks.toReversed().map((task) => [bits(task), task])).values()]
}
let names = 0
const newTask = () => `task-${RUN}-${++names}`
/** The day of a run is random, too. No slot is later than 2199. */
const FIRST_DAY = Date.parse('2031-05-01T00:00:00Z') + (Number.parseInt(RUN, 16) % 5_800) * 10 * 86_400_000
/** Generous: it ends a hang, and decides nothing. */
const call = () => ({ signal: AbortSignal.timeout(120_000) })
let writes = 0
const stamp = (now = SLOT + 1_500) => ({ writeId: `write-${++writes}`, now })

/** Asks again while a busy server does not answer in time, as a run does. The request must be safe to repeat. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof LedgerError) || error.kind !== 'unreachable') throw error
    }
  }
}

export function claimOf(
  task: string,
  options: { base?: Row; runId?: string; slot?: Instant; trigger?: Trigger } = {},
): Row {
  const { base = null, runId = 'run-1', slot = SLOT, trigger = SCHEDULED } = options
  const claim = {
    task,
    window: { slot, end: slot + HOUR_MS },
    schedule: { expression: 'rate(1 hour)', zone: 'Asia/Tokyo', anchor: SLOT },
    zoneData: '2026a',
    runId,
    trigger,
    host: { ...FARGATE.host, host: 'host-1' },
  }
  return claimRow(base, claim, stamp(), 600_000)
}

export async function putFailed(store: Store, tasks: Iterable<string>, slot: Instant): Promise<void> {
  const spec = { expression: `at(${new Date(slot).toISOString().slice(0, 19)})`, zone: 'UTC' }
  const entry = { version: 1, document: encodeTaskRecord(recordWith([{ since: slot, spec }])) }
  for (const task of tasks) {
    const claim = { ...claimOf(task, { slot }), schedule: spec }
    await store.put(claim, 'absent', call())
    await store.put(finishRow(claim, FAILED, stamp(slot + 2_000)), claim, call())
    await store.writeEntry({ kind: '#task', task }, entry, 'absent', call())
  }
}

export function rejectionOf(runId: string, more: Partial<Rejection> = {}): Rejection {
  return { runId, kind: 'duplicate', cause: 'running', at: SLOT + 2_000, trigger: SCHEDULED, host: 'host-2', ...more }
}

/** The suite that every store passes. `crowds: false` leaves out what is the same suite with hundreds of writes. */
export function contract(subject: () => Subject, { crowds = true } = {}): void {
  const itOfCrowd = crowds ? it : () => {}
  const store = () => subject().store
  const get = async (row: Row) => {
    const found = await store().get(row, call())
    if (found === null || isUnreadable(found)) throw new Error('no row of this version')
    return found
  }
  const putOk = async (row: Row, expected: number | 'absent') => {
    const base = expected === 'absent' ? expected : { version: expected, ownerRunId: (await get(row)).ownerRunId }
    expect(await store().put(row, base, call())).toEqual({ kind: 'ok' })
    return row
  }
  /** Puts a row beside a crowd. A write whose answer did not come in time may have landed. */
  const putOwn = async (row: Row, base: Row | 'absent') => {
    const result = await insist(() => store().put(row, base, call()))
    if (result.kind === 'conflict') expect(result.found).toMatchObject({ writeId: row.writeId })
    return row
  }
  const note = (row: Row, rejection: Rejection) => store().note(row, rejection, call())
  const eventually = async (check: () => Promise<void>) => {
    const { listingLagMs } = subject()
    await (listingLagMs === undefined ? check() : vi.waitFor(check, { timeout: listingLagMs, interval: 200 }))
  }

  describe('get and put', () => {
    it('a put without an expected version succeeds only where no row is, and says which one is there', async () => {
      const winner = await putOk(claimOf(newTask(), { runId: 'winner' }), 'absent')
      const loser = claimOf(winner.task, { runId: 'loser' })
      expect(await store().put(loser, 'absent', call())).toEqual({ kind: 'conflict', found: winner })
      expect(await get(winner)).toEqual(winner)
    })

    it('a put succeeds only on the expected version, and says which one is there', async () => {
      const first = await putOk(claimOf(newTask()), 'absent')
      const second = await putOk(renewLease(first, stamp(), 600_000, null), 1)
      const late = renewLease(first, stamp(), 900_000, null)
      for (const version of [1, 7]) {
        const put = store().put({ ...late, version: version + 1 }, { version, ownerRunId: 'run-1' }, call())
        expect(await put).toEqual({ kind: 'conflict', found: second })
      }
      expect(await get(first)).toEqual(second)
    })

    it('a put on a version changes nothing where no row is', async () => {
      const row = { ...claimOf(newTask()), version: 2 }
      const put = await store().put(row, { version: 1, ownerRunId: 'run-1' }, call())
      expect(put).toEqual({ kind: 'conflict', found: null })
      expect(await store().get(row, call())).toBeNull()
    })

    it('a put takes away what is absent in the new row', async () => {
      const resolution = { state: 'FAILED', at: SLOT, by: 'ada', reason: 'r', afterAttempt: 1 } as const
      const full: Row = { ...claimOf(newTask()), resolutions: [resolution], expiresAt: SLOT + 90 * DAY_MS }
      await putOk(full, 'absent')
      expect(await get(full)).toEqual(full)
      const { anchor: _, ...schedule } = full.schedule
      const done = finishRow(full, { outcome: 'succeeded', exitCode: 0 }, stamp())
      const bare: Row = { ...done, state: 'COMPLETED', schedule, resolutions: [], windowEnd: null, expiresAt: null }
      await putOk(bare, 1)
      expect(await get(full)).toEqual(bare)
    })

    it('the store keeps every kind of attempt', async () => {
      const forced: Trigger = { kind: 'forced', by: ODD_TEXT, reason: ODD_TEXT }
      const process = { pid: 17, startTicks: 123_456_789_012, boot: '6b0d0c2e/4026531836' }
      const one = await putOk(claimOf(newTask()), 'absent')
      const two = await putOk(renewLease(one, stamp(), 600_000, process), 1)
      const stopped = { outcome: 'interrupted', exitCode: 143, signal: 'SIGTERM' } as const
      const three = await putOk(finishRow(two, stopped, stamp()), 2)
      const four = await putOk(claimOf(one.task, { base: three, runId: 'run-2', trigger: forced }), 3)
      const five = await putOk(claimOf(one.task, { base: four, runId: 'run-3' }), 4)
      expect(five.attempts.map(({ outcome }) => outcome)).toEqual(['interrupted', 'abandoned', undefined])
      expect(await get(one)).toEqual(five)
    })

    it('one of 50 claims at once wins, and the others are shown it', async () => {
      const task = newTask()
      const rows = Array.from({ length: 50 }, (_, index) => claimOf(task, { runId: `run-${index}` }))
      const results = await Promise.all(rows.map((row) => store().put(row, 'absent', call())))
      const winner = rows.find((_, index) => results[index]?.kind === 'ok')
      expect(results.filter(({ kind }) => kind === 'ok')).toHaveLength(1)
      for (const result of results) if (result.kind === 'conflict') expect(result.found).toEqual(winner)
    })

    it('one of 20 takeovers at once wins', async () => {
      const base = await putOk(claimOf(newTask()), 'absent')
      const rows = Array.from({ length: 20 }, (_, index) => claimOf(base.task, { base, runId: `next-${index}` }))
      const results = await Promise.all(rows.map((row) => store().put(row, base, call())))
      expect(results.filter(({ kind }) => kind === 'ok')).toHaveLength(1)
    })
  })

  it('a put does not take a row that was made again for the expected one, regardless of its version', async () => {
    const other = await putOk(claimOf(newTask(), { runId: 'other' }), 'absent')
    const mine = finishRow(claimOf(other.task), { outcome: 'succeeded' }, stamp())
    const expected = { version: other.version, ownerRunId: 'run-1' }
    expect(await store().put(mine, expected, call())).toEqual({ kind: 'conflict', found: other })
  })

  describe('note', () => {
    it('a note counts a rejection and keeps it in full', async () => {
      const row = await putOk(claimOf(newTask()), 'absent')
      const forced: Trigger = { kind: 'forced', by: 'ada', reason: ODD_TEXT }
      const facts = { kind: 'refused', cause: 'running', ecsTask: 'arn:x', commandHash: '0a1b2c3d' } as const
      const rejection = rejectionOf('dup-1', { ...facts, trigger: forced })
      expect(await note(row, rejection)).toBe(true)
      expect(await get(row)).toEqual({
        ...row,
        rejections: { count: 1, refused: 1, otherCommands: 1, first: [rejection], latest: rejection },
      })
    })

    it('a note makes no row where none is', async () => {
      const row = claimOf(newTask())
      expect(await note(row, rejectionOf('dup-1'))).toBe(false)
      expect(await store().get(row, call())).toBeNull()
    })

    // promise: rejection-during-run
    it('a note survives the finish, a takeover and a force', async () => {
      const one = await putOk(claimOf(newTask()), 'absent')
      await note(one, rejectionOf('dup-1'))
      const two = await putOk(claimOf(one.task, { base: one, runId: 'taker' }), 1)
      await note(one, rejectionOf('dup-2'))
      const three = await putOk(finishRow(two, { outcome: 'failed', exitCode: 1 }, stamp()), 2)
      await note(one, rejectionOf('dup-3'))
      const forced: Trigger = { kind: 'forced', by: 'ada', reason: 'again' }
      const four = await putOk(claimOf(one.task, { base: three, runId: 'forced', trigger: forced }), 3)
      await putOk(finishRow(four, { outcome: 'succeeded', exitCode: 0 }, stamp()), 4)
      const { rejections, state } = await get(one)
      expect(state).toBe('COMPLETED')
      expect(rejections.first.map(({ runId }) => runId)).toEqual(['dup-1', 'dup-2', 'dup-3'])
      expect(rejections.count).toBe(3)
    })

    it('a put shows the rejections of a row that it met', async () => {
      const row = await putOk(claimOf(newTask()), 'absent')
      await note(row, rejectionOf('dup-1'))
      const result = await store().put(claimOf(row.task, { runId: 'late' }), 'absent', call())
      expect(result).toMatchObject({ kind: 'conflict', found: { ownerRunId: 'run-1', rejections: { count: 1 } } })
    })

    // promise: delivered-twice
    itOfCrowd('of many rejections all are counted, and the first ones and the latest are kept', async () => {
      const row = await putOk(claimOf(newTask()), 'absent')
      const ids = Array.from({ length: 210 }, (_, index) => `dup-${index}`)
      const refused = { kind: 'refused', cause: 'failed' } as const
      for (const [index, runId] of ids.entries()) {
        const other = index % 2 === 0 ? { commandHash: '0a1b2c3d' } : {}
        const rejection = rejectionOf(runId, { ...other, ...(index % 3 === 0 && refused) })
        expect(await note(row, rejection)).toBe(true)
        // Sent again, as a client does after a lost answer: at once, or after the next one.
        if (index % 10 === 5) expect(await note(row, rejection)).toBe(true)
        if (index === 60) expect(await note(row, rejectionOf('dup-30', refused))).toBe(true)
        // Delivered again by the network, long after.
        if (index === 198) expect(await note(row, rejectionOf('dup-0', refused))).toBe(true)
      }
      const { rejections } = await get(row)
      const [refusals, others] = [ids.length / 3, ids.length / 2]
      expect(rejections).toMatchObject({ count: ids.length, refused: refusals, otherCommands: others })
      expect(rejections.first.map(({ runId }) => runId)).toEqual(ids.slice(0, FIRST_REJECTIONS))
      expect(rejections.latest?.runId).toBe(ids.at(-1))
    })

    it('the latest rejection has nothing that was true of the one before it', async () => {
      const row = await putOk(claimOf(newTask()), 'absent')
      for (let index = 0; index < FIRST_REJECTIONS; index += 1) await note(row, rejectionOf(`dup-${index}`))
      const forced: Trigger = { kind: 'forced', by: 'ada', reason: 'bad input file' }
      await note(row, rejectionOf('forced', { trigger: forced, ecsTask: 'arn:x' }))
      const last = rejectionOf('last')
      await note(row, last)
      expect((await get(row)).rejections.latest).toEqual(last)
      const raw = (await subject().readRaw(storedKey(row))) as StoredDocument
      expect(raw['latestRejection']).toEqual(REJECTION.encode(last))
    })

    itOfCrowd(
      'each of 50 rejections is counted, ten at a time and some of them sent twice, while the owner writes',
      async () => {
        const row = await putOk(claimOf(newTask()), 'absent')
        const ids = Array.from({ length: 50 }, (_, index) => `dup-${index}`)
        const atATime = pLimit(10)
        const noteOf = (runId: string, index: number) => {
          const rejection = rejectionOf(runId, index < 20 ? { kind: 'refused', cause: 'failed' } : {})
          return atATime(() => insist(() => note(row, rejection)))
        }
        const owner = async () => {
          let last = row
          for (let renewals = 0; renewals < 5; renewals += 1) {
            last = await putOwn(renewLease(last, stamp(), 600_000, null), last)
          }
          await putOwn(finishRow(last, { outcome: 'succeeded', exitCode: 0 }, stamp()), last)
        }
        const [noted] = await Promise.all([Promise.all([...ids.map(noteOf), ...ids.slice(0, 10).map(noteOf)]), owner()])
        expect(noted.every(Boolean)).toBe(true)
        const { rejections, state } = await get(row)
        expect(state).toBe('COMPLETED')
        expect(rejections).toMatchObject({ count: 50, refused: 20 })
        expect(new Set(rejections.first.map(({ runId }) => runId)).size).toBe(FIRST_REJECTIONS)
      },
    )
  })

  describe('the entries of a task', () => {
    const document = { schedules: [{ since: '2026-11-24T03:00:00Z', schedule: '0 3 * * *', zone: 'UTC' }] }

    it('the entries of a task are written under a condition, and read back', async () => {
      const task = newTask()
      await putOk(claimOf(task), 'absent')
      const key = { task, kind: '#task' } as const
      const write = (version: number, expected: number | 'absent') =>
        store().writeEntry(key, { version, document }, expected, call())
      expect(await store().readEntry(key, call())).toBe(null)
      expect(await write(2, 1)).toBe('conflict')
      expect(await write(1, 'absent')).toBe('ok')
      expect(await write(1, 'absent')).toBe('conflict')
      expect(await write(2, 1)).toBe('ok')
      expect(await write(2, 1)).toBe('conflict')
      expect(await store().readEntry(key, call())).toMatchObject({ version: 2, document })
    })

    const write = (task: string, kind: EntryKey['kind'], version = 1) =>
      store().writeEntry({ task, kind }, { version, document: { ...document, task } }, 'absent', call())
    itOfCrowd('listTasks names each task with a task record once, also more than a thousand', async () => {
      const mark = `listed-${RUN}-`
      const many = Array.from({ length: 1_050 }, (_, index) => `${mark}${index}`)
      const tasks = onesThatDynaliteKeeps([`0-${mark}`, `Z-${mark}`, `a/b.c-${mark}`, ...many])
      expect(tasks.length).toBeGreaterThan(1_000)
      const atATime = pLimit(16)
      await Promise.all(tasks.map((task) => atATime(() => insist(() => write(task, '#task')))))
      const [onlyRows, onlyLock] = [newTask(), newTask()]
      await putOk(claimOf(onlyRows), 'absent')
      await write(onlyLock, '#lock')
      await eventually(async () => {
        const listed = await store().listTasks(call())
        expect(listed.filter((task) => task.includes(mark))).toEqual([...tasks].sort())
        expect(listed).not.toContain(onlyRows)
        expect(listed).not.toContain(onlyLock)
      })
    })

    it('listTasks names a task without a record if it has a row of one of the days', async () => {
      const task = newTask()
      await putOk(claimOf(task), 'absent')
      const isListed = async (days: readonly string[]) => (await store().listTasks(call(), days)).includes(task)
      await eventually(async () => expect(await isListed(['2026-11-23', '2026-11-24'])).toBe(true))
      expect(await isListed(['2026-11-23', '2026-11-25'])).toBe(false)
    })

    it('listTasks names a task once after its record changed', async () => {
      const task = newTask()
      await putOk(claimOf(task), 'absent')
      await write(task, '#task')
      await store().writeEntry({ task, kind: '#task' }, { version: 2, document }, 1, call())
      const listed = async () => (await store().listTasks(call(), ['2026-11-24'])).filter((name) => name === task)
      await eventually(async () => expect(await listed()).toEqual([task]))
    })

    it('readTaskEntries reads the records of 100 tasks, and leaves out a task without one', async () => {
      const tasks = Array.from({ length: 98 }, newTask)
      const [onlyRows, onlyLock] = [newTask(), newTask()]
      for (const task of tasks) await write(task, '#task', 7)
      await putOk(claimOf(onlyRows), 'absent')
      await write(onlyLock, '#lock')
      await eventually(async () => {
        const found = await store().readTaskEntries([onlyRows, ...tasks.toReversed(), onlyLock], call())
        expect([...found.keys()].sort()).toEqual([...tasks].sort())
        for (const task of tasks) expect(found.get(task)).toEqual({ version: 7, document: { ...document, task } })
      })
    })

    it('a row listing never shows an entry', async () => {
      const task = newTask()
      const row = await putOk(claimOf(task), 'absent')
      await write(task, '#task')
      await write(task, '#lock')
      const rowsIn = async (query: ListQuery) => (await store().list(query, call())).rows
      await eventually(async () => {
        for (const limit of [1, 1000]) {
          expect(await rowsIn({ kind: 'task', task, limit })).toEqual([row])
          expect(await rowsIn({ kind: 'task', task, limit, since: 0, until: SLOT })).toEqual([])
        }
        const sameDay = await rowsIn({ kind: 'day', day: '2026-11-24', limit: 1000 })
        expect(sameDay.filter((one) => one.task === task)).toEqual([row])
      })
    })
  })

  // promise: later-fields
  it('the store leaves fields alone that a later minor version wrote', async () => {
    const first = claimOf(newTask())
    const { task, slot } = storedKey(first)
    await subject().writeRaw({ ...encodeRow(first), later: 'kept', more: { deep: ['kept'] } })
    await note(first, rejectionOf('dup-1'))
    const second = await putOk(renewLease(first, stamp(), 600_000, null), 1)
    await putOk(finishRow(second, { outcome: 'succeeded' }, stamp()), 2)
    expect(await get(first)).toMatchObject({ state: 'COMPLETED', leaseUntil: null, rejections: { count: 1 } })
    expect(await subject().readRaw({ task, slot })).toMatchObject({ later: 'kept', more: { deep: ['kept'] } })
  })

  it('a damaged row is an error of its own, and hides no other row of a listing', async () => {
    const whole = claimOf(newTask())
    await putOk(whole, 'absent')
    const { day } = encodeRow(whole)
    const slot = SLOT - 3_600_000
    await subject().writeRaw({ ...encodeRow(whole), slot: formatInstant(slot), state: 'odd' })
    await expect(store().get({ task: whole.task, slot }, call())).rejects.toMatchObject({ kind: 'shape' })
    const damage = expect.stringMatching(/^row .* is damaged: /)
    await eventually(async () => {
      const { rows } = await store().list({ kind: 'task', task: whole.task, limit: 10 }, call())
      expect(rows).toEqual([whole, { task: whole.task, slot, damage }])
      const ofDay = await store().list({ kind: 'day', day: String(day), limit: 1_000 }, call())
      expect(ofDay.rows.filter((row) => row.task === whole.task)).toEqual(rows)
    })
  })

  describe('a row of a newer cronledger', () => {
    const foreign = async () => {
      const { task, slot, day } = encodeRow(claimOf(newTask()))
      // As a write expects it in all but that.
      const owned = { schemaVersion: 3, version: 1, ownerRunId: 'run-1', state: {} }
      await subject().writeRaw({ task, slot, day, ...owned } as StoredDocument)
      return { key: { task: String(task), slot: SLOT }, row: { task, slot: SLOT, schemaVersion: 3, newerSchema: true } }
    }

    it('a row of a newer cronledger is shown as foreign', async () => {
      const { key, row } = await foreign()
      expect(await store().get(key, call())).toEqual(row)
      await eventually(async () => {
        const page = await store().list({ kind: 'task', task: key.task, limit: 10 }, call())
        expect(page.rows).toEqual([row])
      })
    })

    // promise: newer-row
    it('a row of a newer cronledger is never overwritten, nor noted in', async () => {
      const { key, row } = await foreign()
      const mine = claimOf(key.task)
      expect(await store().put(mine, 'absent', call())).toEqual({ kind: 'conflict', found: row })
      const put = await store().put({ ...mine, version: 2 }, { version: 1, ownerRunId: 'run-1' }, call())
      expect(put).toEqual({ kind: 'conflict', found: row })
      expect(await note(mine, rejectionOf('dup-1'))).toBe(false)
      expect(await store().get(key, call())).toEqual(row)
    })
  })

  describe('list', () => {
    const all = async (query: ListQuery) => {
      const pages: Page[] = []
      let next: Page['next']
      do {
        const page: Page = await store().list({ ...query, ...(next === undefined ? {} : { cursor: next }) }, call())
        expect(page.rows.length).toBeLessThanOrEqual(query.limit)
        pages.push(page)
        next = page.next
      } while (next !== undefined)
      return pages.flatMap(({ rows }) => rows)
    }
    const hours = async (task: string, count: number) => {
      const rows = Array.from({ length: count }, (_, index) => claimOf(task, { slot: SLOT + index * HOUR_MS }))
      for (const row of [...rows].sort((a, b) => (a.slot % 7) - (b.slot % 7))) await putOk(row, 'absent')
      return rows
    }

    it('list gives the rows of one task, newest first, page by page', async () => {
      const task = newTask()
      const rows = await hours(task, 7)
      await hours(newTask(), 2)
      const newestFirst = [...rows].reverse()
      await eventually(async () => {
        for (const limit of [1, 3, 7, 1000]) expect(await all({ kind: 'task', task, limit })).toEqual(newestFirst)
        const first = await store().list({ kind: 'task', task, limit: 3 }, call())
        expect(first.rows).toEqual(newestFirst.slice(0, 3))
      })
    })

    it('list gives a consistent reader the rows of a task that were just written, newest first and limited', async () => {
      const task = newTask()
      const rows = await hours(task, 5)
      const query = { kind: 'task', task, since: SLOT + HOUR_MS, until: SLOT + 4 * HOUR_MS, consistent: true } as const
      expect((await store().list({ ...query, limit: 2 }, call())).rows).toEqual([rows[3], rows[2]])
      expect(await all({ ...query, limit: 2 })).toEqual([rows[3], rows[2], rows[1]])
      expect(await all({ ...query, task: newTask(), limit: 2 })).toEqual([])
    })

    // promise: range-start
    it('a run finds the last success 1,000 rows before its slot, however old it is, and no further, and the log says so', async () => {
      const task = newTask()
      const clock = { ...systemClock, now: () => SLOT + 200 * DAY_MS }
      const { run } = inProcess(store(), clock)
      const sinceOf = async (hour: number) => {
        const given: unknown[] = []
        const eventTime = new Date(SLOT + hour * HOUR_MS)
        // A server that is slow ends no wait here.
        const trigger = { task, schedule: '0 * * * *', eventTime, sinceLastSuccess: true, ledgerTimeoutMs: 120_000 }
        const { events } = await run(trigger, ({ since }) => given.push(since && (since.getTime() - SLOT) / HOUR_MS))
        const isSaid = events.some((one) => one.event === 'warning' && one.message.includes('RUN_SINCE is not set'))
        return [...given, isSaid]
      }
      const month = 31 * 24
      expect(await sinceOf(0)).toEqual([null, true])
      expect(await sinceOf(month)).toEqual([0, false])
      expect(await sinceOf(2 * month + 2)).toEqual([month, false])
      const slots = Array.from({ length: OTHER_ROWS }, (_, index) => SLOT + (2 * month + 3 + index / 2) * HOUR_MS)
      const atATime = pLimit(10)
      await Promise.all(slots.map((slot) => atATime(() => putOwn(claimOf(task, { slot }), 'absent'))))
      expect(await sinceOf(2 * month + 503)).toEqual(OTHER_ROWS < 1_000 ? [2 * month + 2, false] : [null, true])
    })

    it('list keeps to since (inclusive) and until (exclusive)', async () => {
      const task = newTask()
      const rows = await hours(task, 5)
      const slots = async (range: { since?: Instant; until?: Instant }) =>
        (await all({ kind: 'task', task, limit: 2, ...range })).map(({ slot }) => (slot - SLOT) / HOUR_MS)
      const at = (index: number) => rows[index]?.slot ?? 0
      await eventually(async () => expect(await slots({ since: at(1) })).toEqual([4, 3, 2, 1]))
      expect(await slots({ until: at(3) })).toEqual([2, 1, 0])
      expect(await slots({ since: at(1), until: at(3) })).toEqual([2, 1])
      expect(await slots({ since: at(1) + 1, until: at(3) + 1 })).toEqual([3, 2])
      expect(await slots({ since: at(2), until: at(2) })).toEqual([])
      expect(await slots({ since: at(3), until: at(1) })).toEqual([])
      expect(await slots({ until: 0 })).toEqual([])
    })

    it('list gives the rows of one UTC day over all tasks, newest slot first, page by page', async () => {
      // Days of its own: other tests write into that of SLOT.
      const start = FIRST_DAY + ++names * 10 * DAY_MS
      const day = new Date(start).toISOString().slice(0, 10)
      const tasks = [newTask(), newTask(), newTask()]
      for (const slot of [start - 1_000, start + DAY_MS]) await putOk(claimOf(newTask(), { slot }), 'absent')
      const slots = [start, start + 5 * HOUR_MS, start + DAY_MS - 1_000]
      for (const slot of [...slots].reverse()) {
        for (const task of tasks) await putOk(claimOf(task, { slot }), 'absent')
      }
      await eventually(async () => {
        for (const limit of [1, 2, 4, 1000]) {
          const rows = await all({ kind: 'day', day, limit })
          expect(rows.map(({ slot }) => slot)).toEqual(slots.toReversed().flatMap((slot) => [slot, slot, slot]))
          expect(new Set(rows.map(({ task, slot }) => `${task} ${slot}`)).size).toBe(9)
          expect(rows[0]).toMatchObject({ state: 'PENDING', attempts: [{ number: 1 }] })
        }
        const { rows } = await store().list({ kind: 'day', day, limit: 4 }, call())
        expect(rows.map(({ slot }) => slot)).toEqual([slots[2], slots[2], slots[2], slots[1]])
      })
    })

    it('listSlots gives the slots of a range over all pages, and in which of them nothing may have started', async () => {
      const task = newTask()
      const caughtUp: Trigger = { kind: 'scheduled', eventTime: SLOT, source: 'catch-up' }
      const listed = async (since: Instant, until: Instant) => {
        const slots: object[] = []
        for (let end: Instant | undefined = until; end !== undefined; ) {
          const page: SlotsPage = await store().listSlots({ task, since, until: end }, call())
          slots.push(...page.slots)
          end = page.next
        }
        return slots
      }
      expect(await listed(SLOT, SLOT + DAY_MS)).toEqual([])
      const left = await putOk(claimOf(task, { trigger: caughtUp }), 'absent')
      await putOk(finishRow(left, { outcome: 'notStarted' }, stamp()), 1)
      await hours(newTask(), 2)
      // DynamoDB reads at most 1 MB for one page, and two of these rows have more than that.
      const note = 'x'.repeat(350_000)
      for (const hour of [1, 2, 3, 4])
        await subject().writeRaw({ ...encodeRow(claimOf(task, { slot: SLOT + hour * HOUR_MS })), note })
      await subject().writeRaw({ task, slot: '2026-11-24T08:00:00Z', day: '2026-11-24', schemaVersion: 99, version: 1 })
      const other = (hour: number) => ({ slot: SLOT + hour * HOUR_MS, mayBeLeft: false })
      await eventually(async () => {
        const all = [...[5, 4, 3, 2, 1].map(other), { slot: SLOT, mayBeLeft: true }]
        expect(await listed(SLOT, SLOT + DAY_MS)).toEqual(all)
      })
      expect(await listed(SLOT + HOUR_MS, SLOT + 3 * HOUR_MS)).toEqual([2, 1].map(other))
      expect(await listed(SLOT + 1, SLOT + 1)).toEqual([])
    })
  })

  it('the store gives no answer after its time, instead of waiting for one', async () => {
    const row = claimOf(newTask())
    const stopped = { signal: AbortSignal.abort() }
    const unreachable = { name: 'LedgerError', kind: 'unreachable' }
    await expect(store().put(row, 'absent', stopped)).rejects.toMatchObject(unreachable)
    await expect(store().get(row, stopped)).rejects.toMatchObject(unreachable)
    expect(await store().get(row, call())).toBeNull()
  })
}
