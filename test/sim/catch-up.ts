import { slotsToCatchUp } from '../../src/audit/slots-to-catch-up.ts'
import { readSettings } from '../../src/run/settings.ts'
import { catchUp } from '../../src/run/task/catch-up.ts'
import type { HostOptions } from '../support/simulated/world.ts'
import type { Day } from './day.ts'
import { quietStory, type Story } from './observed.ts'

type RunStory = (story: Story, options: HostOptions, day: Day) => Promise<unknown>

/** Does what a process with `--catch-up` does before its own slot, and adds a story for each missed slot. */
export async function catchUpBefore(
  own: Story,
  options: HostOptions & { readonly stop: AbortController },
  stories: Story[],
  day: Day,
  run: RunStory,
): Promise<void> {
  const { task, slotOfDay, everyMs, hostIo, expression } = day.at
  const io = { ...hostIo(options, options.stop.signal, () => {}), findMissed: slotsToCatchUp }
  const schedule = options.schedule ?? { expression, zone: 'UTC' }
  const slot = slotOfDay(own.day)
  const request = { task, window: { slot, end: slot + everyMs }, schedule }
  await catchUp(request, readSettings(options.settings ?? {}), io, async (missed) => {
    const slot = Math.round((missed.slot - slotOfDay(0)) / everyMs)
    const story = storyOfMissed(own, slot)
    stories.push(story)
    return run(story, { ...options, day: slot, schedule: missed.schedule, source: 'catch-up' }, day)
  })
}

/** Returns the story of a missed slot. The process that catches it up determines its crash, its stop and its pause. */
function storyOfMissed(own: Story, day: number): Story {
  const { runId, pause, stopMs, requests, reads, lists, states, hasRange } = own
  return {
    ...quietStory(`${runId}-missed-${day}`, day),
    pause,
    stopMs,
    requests,
    reads,
    lists,
    states,
    hasRange,
    caughtUpBy: runId,
    get crashMs() {
      return own.crashMs
    },
  }
}
