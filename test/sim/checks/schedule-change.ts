import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import type { Observed, Story } from '../observed.ts'

// The promises about `--strict`. Like check.ts, this file shares no code with the rules.

type Say = (promise: string, text: string) => void

export function checkScheduleChange(observed: Observed, say: Say): void {
  for (const story of observed.stories) {
    if (!story.states.refusesChange || story.forced || story.caughtUpBy !== null) continue
    checkStart(story, observed, say)
    checkRefusal(story, observed, say)
  }
}

function checkStart(story: Story, observed: Observed, say: Say): void {
  const [work] = story.works
  if (work === undefined) return
  const read = story.requests.findLast(({ verb, answered }) => verb === 'read' && answered < work.order)
  // `nothing starts without the record` is another promise.
  if (read === undefined) return
  const visible = recordsBetween(read.sent, read.answered, observed)
  if (visible.every((record) => differs(record, story, observed))) {
    say('a changed schedule starts nothing', `${story.runId} started in slot ${story.day} with ${story.states.zone}`)
  }
}

function checkRefusal(story: Story, observed: Observed, say: Say): void {
  if (story.answer?.cause !== 'scheduleChanged') return
  const says = (text: string) => say('a refusal of a changed schedule is true', `${story.runId} ${text}`)
  if (story.works.length > 0) says('was refused, and ran')
  const met = story.requests.some(
    ({ verb, sent, answered }) =>
      verb === 'read' && recordsBetween(sent, answered, observed).some((record) => differs(record, story, observed)),
  )
  if (!met) says('met no other schedule')
  if (observed.versions.some(({ by }) => by === story.runId)) says('was refused, and changed the record')
}

function recordsBetween(sent: number, answered: number, { versions }: Observed): readonly (TaskRecord | null)[] {
  const before = versions.findLast(({ order }) => order < sent)?.record ?? null
  return [before, ...versions.filter(({ order }) => order > sent && order < answered).map(({ record }) => record)]
}

/** Whether the record has another zone for the slot. The schedule of a forced run refuses no other one. */
function differs(record: TaskRecord | null, { day, states }: Story, { firstMs, everyMs }: Observed): boolean {
  const slot = firstMs + day * everyMs
  const [oldest] = record?.schedules ?? []
  const inForce = record?.schedules.toReversed().find(({ since }) => since <= slot) ?? oldest
  return inForce !== undefined && inForce.declared !== 'forced' && inForce.spec.zone !== states.zone
}
