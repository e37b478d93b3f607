import { EMPTY_TASK_RECORD } from '../../src/core/task/task-record.ts'
import type { Row } from '../../src/core/types.ts'
import { writeRecord } from '../../src/run/task/task-record.ts'
import { type Day, daysOf, HOUR_MS, type Subject } from './day.ts'
import type { Observed, OperatorChange, Story } from './observed.ts'
import { changeSome, resolveNamed, resolveSome } from './operators.ts'
import { checkAndRepair } from './repair.ts'
import { sendTrigger } from './triggers.ts'

/** Many triggers of a few neighbouring slots, from many hosts, on a bad day: all that happens follows from `seed`. */
export async function simulate(seed: number, subject: Subject = 'slots'): Promise<Observed> {
  const days = daysOf(seed, subject)
  const { time } = (days[0] as Day).at
  const played = days.map(playDay)
  await time.run(Promise.all(played.map(({ done }) => done)))
  // Writes that were held, and children that outlive their supervisor, come to their end.
  await time.run(time.clock().wait(24 * HOUR_MS))
  const [own, upstream] = await Promise.all(played.map(({ observe }) => observe()))
  const { after } = days[0] as Day
  return { ...(own as Observed), after: after && { ...after, upstream: upstream as Observed } }
}

function playDay(day: Day) {
  const { int, chance, subject, slots, hasGap, at, settings, isCalm, writes, log } = day
  const { find, slotOfDay, everyMs } = at

  const stories: Story[] = []
  const telling: Promise<unknown>[] = []
  if (subject === 'waits') telling.push(state(day))
  const some = subject === 'slots' ? int(2, 8) + 2 * (slots - 1) : int(2, 12)
  const triggers = subject === 'waits' || subject === 'ranges' ? slots + int(0, 4) : some
  for (let index = 0; index < triggers; index++) telling.push(sendTrigger(index, stories, day))

  const words: { day: number; runId: string }[] = []
  if (chance(30)) telling.push(resolveSome(0, words, day))
  if (chance(15)) telling.push(resolveSome(1, words, day))
  const named = new Map<string, string>()
  for (let index = 2; index < 4; index++) {
    if (chance(30)) telling.push(resolveNamed(index, words, named, stories, day))
  }

  const changes: OperatorChange[] = []
  const wanted = subject === 'slots' ? 0 : subject === 'task' ? int(1, hasGap ? 3 : 5) : int(0, 2)
  for (let index = 0; index < wanted; index++) {
    const { made, doing } = changeSome(index, day)
    changes.push(made)
    telling.push(doing)
  }

  async function observe(): Promise<Observed> {
    const checks = subject === 'ranges' ? await checkAndRepair(stories, day) : []
    const finals = new Map<number, Row | null>()
    for (let slot = 0; slot < slots; slot++) finals.set(slot, (await find(slot)) as Row | null)
    const { versions } = log
    const { task } = at
    const times = { task, firstMs: slotOfDay(0), everyMs }
    return { ...times, settings, stories, writes, finals, words, named, isCalm, versions, changes, checks, after: null }
  }
  return { done: Promise.all(telling), observe }
}

async function state({ at, log }: Day): Promise<void> {
  const { task, ledger, slotOfDay, expression } = at
  const record = { ...EMPTY_TASK_RECORD, schedules: [{ since: slotOfDay(0), spec: { expression, zone: 'UTC' } }] }
  const call = { signal: new AbortController().signal }
  await writeRecord(task, record, 'absent', log.watch('declared', { requests: [] }).applied(ledger), call)
}
