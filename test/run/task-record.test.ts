import { describe, expect, test } from 'vitest'
import { seenSchedules } from '../../src/run/task-record.ts'
import { type VirtualTime, virtualTime } from '../support/simulated/virtual-clock.ts'
import { failsAfter, fates, type HostOptions, type Run, recordVerbs, works, world } from '../support/simulated/world.ts'

const FORCE = { by: 'ada', reason: 'bad input file' }

describe('the task record', () => {
  const verbsOf = async (run: (fateOf: HostOptions['fateOf']) => Run, time: VirtualTime) => {
    const { verbs, fateOf } = recordVerbs()
    const started = run(fateOf)
    await time.run(started.result)
    return { verbs: verbs.filter((verb) => verb.endsWith('Entry')), events: started.events.map(({ event }) => event) }
  }

  test('one read for a schedule that it knows, none for a duplicate or a forced run', async () => {
    const { time, trigger } = world()
    const settings = { maxAttempts: 3 }
    const first = await verbsOf((fateOf) => trigger('a', failsAfter(1), { settings, ...(fateOf && { fateOf }) }), time)
    expect(first).toEqual({ verbs: ['readEntry', 'writeEntry'], events: ['claimed', 'ended'] })
    const second = await verbsOf((fateOf) => trigger('b', works(1), { settings, ...(fateOf && { fateOf }) }), time)
    expect(second.verbs).toEqual(['readEntry'])
    const duplicate = await verbsOf((fateOf) => trigger('c', works(1), { settings, ...(fateOf && { fateOf }) }), time)
    expect(duplicate.verbs).toEqual([])
    const forced = await verbsOf((fateOf) => trigger('d', works(1), { force: FORCE, ...(fateOf && { fateOf }) }), time)
    expect(forced.verbs).toEqual([])
  })

  test('none for a minute after one program saw the schedule in force', async () => {
    const { time, trigger } = world()
    const seen = seenSchedules(time.clock())
    const entryVerbs = async (day: number, more: HostOptions = {}) =>
      (
        await verbsOf(
          (fateOf) => trigger(`run-${day}`, works(1), { day, seen, ...more, ...(fateOf && { fateOf }) }),
          time,
        )
      ).verbs
    const other = { schedule: { expression: '30 3 * * *', zone: 'UTC' } }
    expect(await entryVerbs(1)).toEqual(['readEntry', 'writeEntry'])
    expect(await entryVerbs(2)).toEqual([])
    // An earlier schedule's slot, caught up on: the one that is in force now stays so.
    expect(await entryVerbs(0, other)).toEqual(['readEntry'])
    expect(await entryVerbs(-1, other)).toEqual(['readEntry'])
    expect(await entryVerbs(3, other)).toEqual(['readEntry', 'writeEntry'])
    expect(await entryVerbs(4, other)).toEqual([])
    // And back again.
    expect(await entryVerbs(5)).toEqual(['readEntry', 'writeEntry'])
    await time.run(time.clock().wait(60_000))
    expect(await entryVerbs(6)).toEqual(['readEntry'])
    expect(await entryVerbs(7)).toEqual([])
  })

  test('a schedule counts as seen only when the ledger has answered', async () => {
    const { time, trigger } = world()
    const seen = seenSchedules(time.clock())
    const lost = trigger('a', works(1), {
      seen,
      fateOf: fates(({ verb }) => verb === 'writeEntry', { kind: 'dropped' }),
    })
    expect(await time.run(lost.result)).toMatchObject({ status: 'completed' })
    const next = await verbsOf((fateOf) => trigger('b', works(1), { day: 1, seen, ...(fateOf && { fateOf }) }), time)
    expect(next.verbs).toEqual(['readEntry', 'writeEntry'])
  })

  test('a program with tasks without number keeps a thousand schedules', () => {
    const seen = seenSchedules(virtualTime().clock())
    const spec = { expression: '0 3 * * *', zone: 'UTC' }
    for (let index = 0; index <= 1_000; index++) seen.add(`task-${index}`, spec)
    expect([0, 1, 1_000].map((index) => seen.has(`task-${index}`, spec))).toEqual([false, true, true])
  })

  test('the finish of a short run comes after its answer, over the connection that is open', async () => {
    const { time, trigger } = world()
    const { verbs, fateOf } = recordVerbs()
    const run = trigger('a', works(1), { fateOf })
    await time.run(run.result)
    expect(verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
  })

  test('the finish does not wait for an answer that stays away', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    let finishedMs = 0
    const run = trigger('a', works(1), {
      fateOf: ({ verb }) => {
        if (verb === 'put') finishedMs = time.now() - startMs
        return { kind: verb === 'readEntry' ? 'stalled' : 'answered' }
      },
    })
    await time.run(run.result)
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
    expect(finishedMs).toBeLessThan(500)
  })

  test('one that is out of reach changes nothing about the run', async () => {
    const { time, trigger } = world()
    const startMs = time.now()
    const run = trigger('a', works(1), {
      fateOf: ({ verb }) => ({ kind: verb === 'readEntry' ? 'stalled' : 'answered' }),
    })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(time.now() - startMs).toBeLessThan(6_000)
    expect(run.events.at(-1)).toMatchObject({ event: 'warning' })
  })
})
