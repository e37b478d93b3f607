import { expect, test } from 'vitest'
import type { KnownTask } from '../../src/audit/tasks.ts'
import { type Deliver, type OnceOptions, tellOnce } from '../../src/cli/commands/check/once.ts'
import { LedgerError } from '../../src/core/errors.ts'
import type { Row } from '../../src/core/types.ts'
import type { Digest } from '../../src/format/check/digest.ts'
import type { TellingLedger } from '../../src/ledger.ts'
import type { JudgedSlot } from '../../src/verdict/judge.ts'
import { decodeTold, type Span, type Told } from '../../src/verdict/told.ts'
import { numbers } from '../audit/random-ledger.ts'
import { FAILED, judgedAt, pending, recordWith, resolvedAs, rowWith, SUCCEEDED } from '../support/rows.ts'

// A world of a few tasks, whose slots fail, run, are repaired and are read late, and checkers that crash anywhere.

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const START = Date.parse('2026-11-25T00:00:00Z')

const STATES = ['done', 'skipped', 'missed', 'exit 1', 'exit 2', 'running', 'stale', 'unusual'] as const
type State = (typeof STATES)[number]

const ROWS: Readonly<Record<State, (now: number) => Row | null>> = Object.fromEntries(
  STATES.map((state) => {
    if (state === 'missed') return [state, () => null]
    if (state === 'skipped') return [state, memo(() => resolvedAs('SKIPPED'))]
    if (state === 'running' || state === 'stale') {
      const open = pending(rowWith({}))
      return [state, (now: number) => ({ ...open, leaseUntil: now + (state === 'running' ? DAY_MS : -DAY_MS) })]
    }
    const isSuccess = state === 'done' || state === 'unusual'
    return [
      state,
      memo(() => rowWith({ ending: isSuccess ? SUCCEEDED : { ...FAILED, exitCode: Number(state.slice(-1)) } })),
    ]
  }),
) as never

function memo(make: () => Row): () => Row {
  const row = make()
  return () => row
}

const EXPECTING = recordWith([], { expectations: { since: 0, expect: 'rows>=1' } })

function judged(task: string, slot: number, state: State, now: number): JudgedSlot {
  const row = ROWS[state](now)
  const record = state === 'unusual' ? { record: EXPECTING } : {}
  return judgedAt(now, row && ({ ...row, task, slot } as Row), { task, slot, graceMs: 0, ...record })
}

const SORT_OF: Readonly<Partial<Record<State, Span['sort']>>> = {
  missed: 'work',
  'exit 1': 'work',
  'exit 2': 'work',
  stale: 'work',
  unusual: 'look',
}

class Crash extends Error {}

interface Turn {
  readonly go: () => void
}

function openWorld(seed: number, tasks: readonly string[]) {
  const random = numbers(seed)
  const one = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  let now = START
  const slots = new Map<string, Map<number, State>>(tasks.map((task) => [task, new Map()]))
  /** Rows that an eventually consistent read does not see yet. */
  const late = new Set<string>()
  const unreadable = new Set<string>()
  const retired = new Set<string>()
  let entry: { version: number; document: Told } | null = null
  let raw: unknown = null
  /** Findings in a told span that were never done since. */
  const told = new Set<string>()
  const alerts = new Map<string, { isOpen: boolean; readonly tasks: Set<string> }>()
  let faults = 0
  let turns: Turn[] = []
  let isPaired = false
  let isHealed = false

  const isOpenAt = (task: string, slot: number, sort?: Span['sort']) => {
    const state = slots.get(task)?.get(slot)
    const found = state && SORT_OF[state]
    return found !== undefined && (sort === undefined || sort === found)
  }
  const openIn = ({ task, sort, first, last }: Span) =>
    [...(slots.get(task)?.keys() ?? [])].filter((slot) => first <= slot && slot <= last && isOpenAt(task, slot, sort))
  const spansOf = (of: Told | null) =>
    (of?.groups ?? []).flatMap(({ id, spans }) => spans.map((span) => ({ ...span, id })))

  /** What a write of the entry says must be so in the world. */
  function judgeWrite(before: Told | null, after: Told): void {
    const keyOf = ({ id, task, sort }: Span & { id: string }) => `${id} ${task} ${sort}`
    const [old, all] = [spansOf(before), spansOf(after)]
    const left = new Set(all.map(keyOf))
    for (const span of old) {
      if (left.has(keyOf(span)) || span.sort !== 'work' || retired.has(span.task)) continue
      expect(openIn(span), `seed ${seed}: false over of ${span.task}`).toEqual([])
      const running = [...(slots.get(span.task) ?? [])].filter(
        ([at, state]) => state === 'running' && span.first <= at && at <= span.last,
      )
      expect(running, `seed ${seed}: over while it runs`).toEqual([])
    }
    const known = new Set(old.map(keyOf))
    for (const span of all.filter((one) => !known.has(keyOf(one)) && one.sort === 'work'))
      expect(
        openIn(span).some((slot) => !told.has(`${span.task} ${slot}`)),
        `seed ${seed}: false new of ${span.task}`,
      ).toBe(true)
    for (const span of all) if (span.sort === 'work') for (const slot of openIn(span)) told.add(`${span.task} ${slot}`)
  }

  const ledger = {
    async told() {
      await step()
      return entry === null ? null : { version: entry.version, document: raw }
    },
    async tell(_: string, document: unknown, expected: number | 'absent') {
      await step()
      if ((entry?.version ?? 'absent') !== expected) return 'conflict'
      const after = decodeTold(document, 'ops')
      judgeWrite(entry?.document ?? null, after)
      raw = document
      entry = { version: expected === 'absent' ? 1 : expected + 1, document: after }
      await step()
      return 'ok'
    },
    async *tasks({ task }: { task: string }) {
      if (slots.has(task)) yield known(task)
    },
    async *check({
      task,
      since,
      now: at,
      only,
      consistent,
      emitSlot,
      emitFault,
    }: Parameters<TellingLedger['check']>[0]) {
      const names = task === undefined ? tasks : [String(task)]
      let fault = false
      for (const name of names) {
        if (only?.(known(name)) === false) continue
        const newestFirst = [...(slots.get(name) ?? [])].sort(([a], [b]) => b - a)
        const from = since as Date
        const stop = unreadable.has(name) ? Math.floor(newestFirst.length / 2) : newestFirst.length
        for (const [slot, state] of newestFirst.slice(0, stop)) {
          if (slot < from.getTime()) continue
          const isLate = late.has(`${name} ${slot}`) && !consistent
          emitSlot?.(judged(name, slot, isLate ? 'missed' : state, (at as Date).getTime()))
        }
        if (unreadable.has(name)) {
          fault = true
          emitFault?.(name)
        }
      }
      if (fault) throw new LedgerError('shape', 'a row is damaged')
    },
  } as unknown as TellingLedger

  function known(task: string): KnownTask {
    const suspension = { from: 0, until: null, at: 0, by: 'x', reason: 'x' }
    return { task, ...recordWith([], retired.has(task) ? { retirements: [suspension] } : {}) }
  }

  /** A point at which a checker may crash, and another one may go on. */
  async function step(): Promise<void> {
    if (faults > 0 && random() < faults) throw new Crash()
    if (isPaired) await new Promise<void>((go) => turns.push({ go }))
  }

  async function send(digest: Digest): Promise<string | null> {
    await step()
    if (faults > 0 && random() < 0.2) return 'exit code 7'
    for (const group of digest['groups'] as readonly { id: string; change: string; tasks: readonly string[] }[]) {
      const alert = alerts.get(group.id) ?? { isOpen: false, tasks: new Set<string>() }
      alerts.set(group.id, alert)
      alert.isOpen = group.change !== 'over'
      if (alert.isOpen) for (const task of group.tasks) alert.tasks.add(task)
    }
    await step()
    return null
  }
  const deliver: Deliver = async ({ messages }) => {
    const ends = await Promise.all(messages.map(async (one) => [String(one.number), await send(one)] as const))
    return new Map(ends.flatMap(([number, why]) => (why === null ? [] : [[number, why]])))
  }

  async function check() {
    const options: OnceOptions = {
      name: 'ops',
      store: 'file:x',
      task: undefined,
      owner: undefined,
      status: undefined,
      notifyOn: undefined,
      zone: 'UTC',
      now,
      wants: { open: true, over: true },
      isKind: () => true,
    }
    const range = {
      since: new Date(now - (isHealed ? 7 : one([1, 7])) * DAY_MS),
      until: new Date(now + 1),
      now: new Date(now),
    }
    return tellOnce(ledger, range, options, deliver).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error
    })
  }

  return {
    random,
    one,
    alerts,
    entry: () => entry?.document ?? null,
    pass(ms: number) {
      now += ms
    },
    live(fate: () => State) {
      for (const [task, own] of slots) {
        if (random() < 0.7) own.set(now - (now % 1_000), fate())
        for (const [slot, state] of own) {
          if (state === 'running' && random() < 0.5) own.set(slot, random() < 0.6 ? 'done' : one(['exit 1', 'stale']))
          else if (isOpenAt(task, slot) && random() < 0.25) own.set(slot, one(['running', 'done', 'skipped']))
          if (!isOpenAt(task, slot, 'work') && own.get(slot) !== 'running') told.delete(`${task} ${slot}`)
        }
        if (random() < 0.05) unreadable.add(task)
        else if (random() < 0.5) unreadable.delete(task)
        if (random() < 0.01) retired.add(task)
      }
      late.clear()
      for (const [task, own] of slots)
        for (const [slot, state] of own)
          if (state === 'done' && slot === now && random() < 0.3) late.add(`${task} ${slot}`)
    },
    heal(isRepaired: boolean) {
      isHealed = true
      unreadable.clear()
      late.clear()
      faults = 0
      if (isRepaired) for (const own of slots.values()) for (const slot of own.keys()) own.set(slot, 'done')
      else
        for (const own of slots.values())
          for (const [slot, state] of own) if (state === 'running') own.set(slot, 'done')
    },
    async check(share = 0) {
      faults = share
      const told = await check()
      faults = 0
      return told
    },
    set: (task: string, slot: number, state: State) => slots.get(task)?.set(slot, state),
    repair(task: string) {
      for (const slot of slots.get(task)?.keys() ?? []) slots.get(task)?.set(slot, 'done')
    },
    lose: (task: string) => unreadable.add(task),
    bytes: () => JSON.stringify(raw).length,
    async pair(share: number) {
      faults = share
      isPaired = true
      let left = 2
      const both = [check(), check()].map((done) =>
        done.finally(() => {
          left -= 1
        }),
      )
      while (left > 0) {
        await new Promise((resolve) => setImmediate(resolve))
        if (turns.length === 0) continue
        const turn = one(turns)
        turns = turns.filter((other) => other !== turn)
        turn.go()
      }
      await Promise.all(both)
      isPaired = false
      faults = 0
    },
    /** The open findings that no delivered message of an open group has named. */
    untold: () =>
      [...slots].flatMap(([task, own]) =>
        retired.has(task)
          ? []
          : [...own.keys()]
              .filter((slot) => isOpenAt(task, slot) && slot >= now - 7 * DAY_MS)
              .filter((slot) => {
                const span = ({ first, last }: Span) => first <= slot && slot <= last
                const groups = (entry?.document.groups ?? []).filter(({ spans }) =>
                  spans.some((one) => one.task === task && span(one)),
                )
                const isPast = entry?.document.past.some((one) => one.task === task && span(one))
                return !isPast && !groups.some(({ id }) => alerts.get(id)?.isOpen && alerts.get(id)?.tasks.has(task))
              })
              .map((slot) => `${task} ${new Date(slot).toISOString()}`),
      ),
  }
}

const SEEDS = Number(process.env['TOLD_SEEDS'] ?? 20)

test('in random nights with crashes anywhere, nothing is told that is not so, nothing is left out, and no alert stays open', async () => {
  for (let seed = Number(process.env['TOLD_SEED'] ?? 1); seed <= SEEDS; seed += 1) {
    const world = openWorld(seed, ['a', 'b', 'c', 'd', 'e'].slice(0, 2 + (seed % 4)))
    const badness = world.one([0.2, 0.5, 0.9])
    const share = world.one([0, 0.1, 0.2])
    const fate = () => (world.random() < badness ? world.one(STATES) : 'done')
    for (let round = 0; round < 40; round += 1) {
      world.pass(world.one([1, 5, 20, 70, 400, ...(round === 20 ? [13_000] : [])]) * MINUTE_MS)
      world.live(fate)
      if (world.random() < 0.8) await (world.random() < 0.3 ? world.pair(share) : world.check(share))
    }
    world.heal(false)
    for (let round = 0; round < 3; round += 1) {
      world.pass(MINUTE_MS)
      await world.check()
    }
    expect(world.untold(), `seed ${seed}: never told`).toEqual([])
    world.heal(true)
    for (let round = 0; round < 3; round += 1) {
      world.pass(MINUTE_MS)
      await world.check()
    }
    expect(world.entry(), `seed ${seed}`).toMatchObject({ groups: [] })
    expect(
      [...world.alerts].filter(([, { isOpen }]) => isOpen),
      `seed ${seed}: an alert stays open`,
    ).toEqual([])
  }
}, 600_000)

test('what has no room in the entry is kept as its first and last slot: what begins in between is told, and what begins later is new', async () => {
  const names = Array.from({ length: 3_000 }, (_, index) => `etl/${index}`)
  const world = openWorld(1, names)
  await world.check()
  world.pass(60 * MINUTE_MS)
  for (const [index, name] of names.entries()) world.set(name, START + (10 + (index % 30)) * MINUTE_MS, 'missed')
  expect((await world.check())?.messages).toMatchObject([{ event: 'digest', tasks: 3_000 }])
  expect(world.bytes()).toBeLessThan(100_000)
  const [group, ...others] = world.entry()?.groups ?? []
  const fixed = { first: START + 10 * MINUTE_MS, last: START + 39 * MINUTE_MS, tasks: 3_000 }
  expect([group, others]).toMatchObject([{ spans: [], fixed }, []])

  world.pass(MINUTE_MS)
  world.set('etl/7', fixed.last - 1, 'exit 1')
  expect((await world.check())?.messages).toEqual([])
  world.set('etl/7', fixed.last + 1, 'done')
  world.set('etl/7', fixed.last + MINUTE_MS, 'exit 1')
  expect((await world.check())?.messages).toMatchObject([{ tasks: 1, groups: [{ change: 'new', tasks: ['etl/7'] }] }])
  // One of its tasks that still has a finding keeps it open.
  for (const name of names.slice(1)) world.repair(name)
  expect((await world.check())?.messages).toMatchObject([{ event: 'repaired', groups: [{ tasks: ['etl/7'] }] }])
  world.repair('etl/0')
  expect((await world.check())?.messages).toMatchObject([
    { event: 'repaired', groups: [{ id: group?.id, change: 'over' }] },
  ])
  expect(world.entry()?.groups).toEqual([])
})

test('3,000 tasks that cannot be read are told together, and are over together', async () => {
  const names = Array.from({ length: 3_000 }, (_, index) => `etl/${index}`)
  const world = openWorld(1, names)
  await world.check()
  world.pass(60 * MINUTE_MS)
  for (const name of names) world.lose(name)
  const [message] = (await world.check())?.messages ?? []
  expect(message).toMatchObject({ event: 'digest', groups: [{ change: 'new', count: 3_000 }] })
  world.heal(true)
  world.pass(MINUTE_MS)
  expect((await world.check())?.messages).toMatchObject([{ event: 'repaired', groups: [{ change: 'over' }] }])
})

test('a checker that was away for longer than it reads back says from when to when nobody has looked', async () => {
  const world = openWorld(1, ['a'])
  world.set('a', START - MINUTE_MS, 'exit 1')
  expect((await world.check())?.telling.gap).toBe(null)
  world.pass(31 * DAY_MS)
  expect((await world.check())?.telling.gap).toBe(null)
  world.pass(40 * DAY_MS)
  const told = await world.check()
  expect(told?.telling.gap).toBe('no check looked at the slots from 2026-12-26 00:00 UTC to 2027-01-04 00:00 UTC')
})
