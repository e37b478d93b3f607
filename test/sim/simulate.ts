import type { Row } from '../../src/core/types.ts'
import { dayOf, HOUR_MS, type Subject } from './day.ts'
import type { Observed, OperatorChange, Story } from './observed.ts'
import { changeSome, resolveNamed, resolveSome } from './operators.ts'
import { sendTrigger } from './triggers.ts'

/** Many triggers of a few neighbouring slots, from many hosts, on a bad day: all that happens follows from `seed`. */
export async function simulate(seed: number, subject: Subject = 'slots'): Promise<Observed> {
  const day = dayOf(seed, subject)
  const { int, chance, slots, hasGap, at, settings, isCalm, writes, log } = day
  const { time, find, slotOfDay, everyMs } = at

  const stories: Story[] = []
  const telling: Promise<unknown>[] = []
  const triggers = subject === 'task' ? int(2, 12) : int(2, 8) + 2 * (slots - 1)
  for (let index = 0; index < triggers; index++) telling.push(sendTrigger(index, stories, day))

  const words: { day: number; runId: string }[] = []
  if (chance(30)) telling.push(resolveSome(0, words, day))
  if (chance(15)) telling.push(resolveSome(1, words, day))
  const named = new Map<string, string>()
  for (let index = 2; index < 4; index++) {
    if (chance(30)) telling.push(resolveNamed(index, words, named, stories, day))
  }

  const changes: OperatorChange[] = []
  const wanted = subject === 'slots' ? 0 : hasGap ? int(0, 2) : int(1, 5)
  for (let index = 0; index < wanted; index++) {
    const { made, doing } = changeSome(index, day)
    changes.push(made)
    telling.push(doing)
  }

  await time.run(Promise.all(telling))
  // Writes that were held, and children that outlive their supervisor, come to their end.
  await time.run(time.clock().wait(24 * HOUR_MS))
  const finals = new Map<number, Row | null>()
  for (let slot = 0; slot < slots; slot++) finals.set(slot, (await find(slot)) as Row | null)
  const { versions } = log
  return { settings, firstMs: slotOfDay(0), everyMs, stories, writes, finals, words, named, isCalm, versions, changes }
}
