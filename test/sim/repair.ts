import { checkTask } from '../../src/audit/check.ts'
import type { HistoryDeps } from '../../src/audit/history.ts'
import { rerunnableSlots } from '../../src/audit/rerunnable.ts'
import { readTaskRecord } from '../../src/audit/tasks.ts'
import { DEFAULT_RERUNNABLE } from '../../src/core/row/policy.ts'
import type { Day } from './day.ts'
import { type Checked, quietStory, type Story } from './observed.ts'
import { tellSlot } from './triggers.ts'

/** Does what an operator does on the morning after: asks `check`, runs each slot that is listed, and asks again. */
export async function checkAndRepair(stories: Story[], day: Day): Promise<readonly Checked[]> {
  const { at, slots, settings } = day
  const { task, time, ledger, slotOfDay, everyMs, expression } = at
  const deps: HistoryDeps = { store: ledger, clock: time.clock(), pageTimeoutMs: 60_000, signals: [] }
  const known = await readTaskRecord(task, deps)
  if (known === null || known.schedules.length === 0) return []
  const dayOf = (slot: number) => (slot - slotOfDay(0)) / everyMs
  const range = { since: slotOfDay(0), until: slotOfDay(slots - 1) + 1 }

  async function check(): Promise<Checked> {
    const found: { readonly day: number; readonly kind: string }[] = []
    const asked = { now: time.now(), ...range, progress() {} }
    for await (const { slot, kind } of checkTask(known as NonNullable<typeof known>, asked, deps))
      found.push({ day: dayOf(slot), kind })
    return { atMs: time.now(), order: day.log.next(), found }
  }

  const before = await check()
  const listed: number[] = []
  const only = DEFAULT_RERUNNABLE
  const asked = { from: new Date(range.since), until: new Date(range.until), status: only }
  // Some operators run each slot, and most the newest of those between two that are done.
  const ranges = slots % 3 === 0 ? 'each' : 'newest'
  for await (const { judged } of rerunnableSlots(known, { ...asked, ranges }, deps)) listed.unshift(dayOf(judged.slot))
  for (const slot of listed) {
    const story = { ...quietStory(`rerun-${slot}`, slot), forced: true, only, hasRange: true }
    stories.push(story)
    const force = { by: 'operator', reason: story.runId, only }
    const options = {
      day: slot,
      settings: { ...settings, sinceLastSuccess: true },
      schedule: { expression, zone: 'UTC' },
      force,
      watch: day.log.watch(story.runId, story),
    }
    await time.run(tellSlot(story, options, day))
  }
  return [before, await check()]
}
