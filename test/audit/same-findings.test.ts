import { expect, test } from 'vitest'
import type { Ledger } from '../../src/api.ts'
import { type RepairValues, readRepair } from '../../src/cli/commands/rerun/read.ts'
import { formatInstant } from '../../src/core/instant.ts'
import { readableRow } from '../../src/core/row/status.ts'
import type { Instant } from '../../src/core/types.ts'
import { zonedTime } from '../../src/format/local-time.ts'
import { slotLine } from '../../src/format/slot/row.ts'
import { showJson, shownSlot, showText } from '../../src/format/slot/show.ts'
import type { Attempt } from '../../src/function-work.ts'
import { factsOf } from '../../src/verdict/found.ts'
import { judge, type TaskFinding } from '../../src/verdict/judge.ts'
import { inProcess } from '../support/in-process.ts'
import { pagesOf } from '../support/pages/app.ts'
import { runs } from '../support/random.ts'
import { CLOCK, ledgerOf, NOW, numbers, pick, SINCE } from './random-ledger.ts'

const LEDGERS = runs(12, 400)
const CALL = { signal: new AbortController().signal }

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const named = ({ task, slot, kind }: TaskFinding) => `${task} ${new Date(slot).toISOString()} ${kind}`

test('each missed and failed slot of check is in the plan of a repair exactly once: run, done by the run of another one, or left out', async () => {
  const counts = { run: 0, others: 0, leftOut: 0 }
  const isToDo = (kind: string | null) => kind === 'missed' || kind === 'failed'
  const range = { since: new Date(SINCE), until: new Date(NOW + 1) }
  for (let seed = 1; seed <= LEDGERS; seed++) {
    const chance = numbers(seed)
    const { ledger, models } = await ledgerOf(chance, chance() < 0.5)
    const found = await all(ledger.check(range))
    const values = {
      store: 'memory:',
      task: undefined,
      owner: undefined,
      slot: undefined,
      by: 'ada',
      reason: 'x',
      from: formatInstant(SINCE),
      until: formatInstant(NOW + 1),
      status: ['missed', 'failed'],
      isOne: false,
      batch: chance() < 0.5 ? ['true'] : null,
      canAsk: true,
      each: chance() < 0.2,
    } as unknown as RepairValues
    const faults: string[] = []
    const fault = (text: string) => void faults.push(text)
    const { plan } = await readRepair(values, ledger as Ledger, {}, fault, CALL.signal)
    const times = new Map<string, number>()
    const count = (kind: keyof typeof counts, task: string, slot: Instant) => {
      const key = `${task} ${formatInstant(slot)}`
      times.set(key, (times.get(key) ?? 0) + 1)
      counts[kind] += 1
    }
    for (const { task, slot, others } of plan.steps) {
      count('run', task, slot)
      for (const { slot, kind } of others) if (slot >= SINCE && isToDo(kind)) count('others', task, slot)
    }
    for (const { task, slot } of plan.leftOut) count('leftOut', task, slot)
    for (const [key, number] of times) expect(number, `seed ${seed} ${key}`).toBe(1)
    const toDo = found.filter(({ kind }) => isToDo(kind))
    for (const one of toDo)
      expect(times.get(`${one.task} ${formatInstant(one.slot)}`), `seed ${seed} ${named(one)}`).toBe(1)
    expect(faults, `seed ${seed}`).toEqual([])
    expect(models.size).toBeGreaterThan(0)
  }
  expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(LEDGERS / 2)
})

// promise: range-start
test('the row, show, the history, the page and the library say from which slot a run went on, in random ledgers', async () => {
  const counts = { known: 0, none: 0 }
  for (let seed = 1; seed <= LEDGERS / 4; seed++) {
    const chance = numbers(seed)
    const { store, ledger, models } = await ledgerOf(chance)
    const { run } = inProcess(store, CLOCK)
    const ask = pagesOf(ledger, 'memory:', NOW)
    for (const [task, model] of models) {
      const went = new Map<Instant, string | null>()
      const picked = [1, 2, 3].map(() => pick([...model.slots.keys()], chance))
      // From the oldest to the newest, so that no later run has one of them in its range.
      for (const slot of [Math.min(...model.slots.keys()), ...picked].toSorted((one, other) => one - other)) {
        const { spec, row } = model.slots.get(slot) ?? {}
        if (spec === undefined) continue
        const status = ['missed', 'failed', 'stale', 'skipped', 'completed'] as const
        const force = { slot: new Date(slot), reason: 'x', by: 'ada', status }
        const how = row === 'none' && chance() < 0.5 ? { eventTime: force.slot } : { force }
        const fails = chance() < 0.3
        const given: Attempt[] = []
        const trigger = {
          task,
          schedule: spec.expression,
          timezone: spec.zone,
          sinceLastSuccess: true,
          overlap: 'skip',
          ...how,
        } as const
        await run(trigger, (attempt) => {
          given.push(attempt)
          if (fails) throw new Error('x')
        })
        if (given.length === 0) continue
        const since = model.sinceOf(slot)
        const name = `seed ${seed} ${task} ${formatInstant(slot)}`
        expect(
          given.map((one) => one.since),
          name,
        ).toEqual([since === null ? null : new Date(since)])
        went.set(slot, since === null ? null : formatInstant(since))
        model.slots.set(slot, { spec, row: fails && row !== 'done' ? 'notDone' : 'done' })
      }
      const [known] = await all(ledger.tasks({ task }))
      const history = new Map<unknown, string>()
      for await (const one of ledger.slots({ task, emitProblem: () => {} })) history.set(one.slot, slotLine(one))
      for (const [slot, since] of went) {
        counts[since === null ? 'none' : 'known'] += 1
        const row = await ledger.get({ task, slot: new Date(slot) })
        const shown = shownSlot(judge({ slot, row }, factsOf(task, known, NOW)), 'memory:')
        const url = `/slot?task=${task}&slot=${formatInstant(slot)}`
        const page = await ask(url)
        const [, onPage] = /<dt>range<\/dt>\s*<dd>.*?datetime="([^"]*)"/s.exec(page) ?? []
        const [, inText] = /^ {2}range +after (.+), up to /m.exec(showText(shown)) ?? []
        const lastOf = (json: string | undefined) => JSON.parse(json ?? '').attempts.at(-1).since
        const inRow = readableRow(row)?.attempts.at(-1)?.since
        expect(
          [inRow && formatInstant(inRow), lastOf(showJson(shown)), lastOf(history.get(slot)), onPage],
          `seed ${seed} ${url}`,
        ).toEqual(Array(4).fill(since ?? undefined))
        expect(inText).toBe(since === null ? undefined : zonedTime(Date.parse(since), shown.schedule.zone))
      }
    }
  }
  expect(Math.min(counts.known, counts.none)).toBeGreaterThan(LEDGERS / 4)
})
