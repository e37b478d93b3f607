import type { Observed, Story } from './simulate.ts'

/**
 * What must hold of whatever was observed. It shares nothing with the rules: it knows true times, what the children
 * did, and what the ledger applied. Gives the broken promises, each in a line.
 */
export function brokenPromises({ stories, writes, final }: Observed): string[] {
  const broken: string[] = []
  const works = stories.flatMap((story) => story.works.map((work) => ({ ...work, story })))

  for (const story of stories) {
    if (story.works.length > 1) broken.push(`${story.runId} started its work ${story.works.length} times`)
    if (story.answer === null && !story.crashed) broken.push(`${story.runId} gave no answer`)
    if (story.answer?.status === 'completed' && story.works.length !== 1)
      broken.push(`${story.runId} completed nothing`)
  }

  for (const first of works) {
    for (const second of works) {
      if (first.startMs > second.startMs || first.story === second.story || first.endMs <= second.startMs) continue
      if (!mayOverlap(first.story, second)) {
        broken.push(`${first.story.runId} and ${second.story.runId} ran at the same time`)
      }
    }
  }

  // Numbers rise by one, and what is on record stays.
  for (const [index, { row }] of writes.entries()) {
    const numbers = row.attempts.map(({ number }) => number)
    if (numbers.some((number, at) => number !== at + 1)) broken.push(`attempts ${numbers} in write ${index}`)
    const before = writes[index - 1]?.row
    if (before === undefined) continue
    if (row.version !== before.version + 1) broken.push(`version ${before.version} was followed by ${row.version}`)
    for (const [at, attempt] of before.attempts.entries()) {
      const after = row.attempts[at]
      if (after?.runId !== attempt.runId) broken.push(`attempt ${at + 1} of ${attempt.runId} is gone`)
      if (attempt.outcome !== undefined && after?.outcome !== attempt.outcome) {
        broken.push(`attempt ${at + 1} was ${attempt.outcome}, and became ${after?.outcome}`)
      }
    }
  }

  // After a success on record, only a person starts anything.
  const success = writes.find(({ row }) => row.attempts.some(({ outcome }) => outcome === 'succeeded'))
  for (const { story, startMs } of works) {
    if (success !== undefined && startMs > success.atMs && !story.forced) {
      broken.push(`${story.runId} started after the slot had completed`)
    }
  }

  for (const { runId, answer, works: own } of stories) {
    const onRecord = final?.attempts.find((attempt) => attempt.runId === runId)
    if (own.length > 0 && onRecord === undefined) broken.push(`${runId} ran, and is not on record`)
    if (answer === null) continue
    if (answer.status === 'completed' && onRecord?.outcome !== 'succeeded') {
      broken.push(`${runId} said completed; the ledger says ${onRecord?.outcome}`)
    }
    const rejected = answer.status === 'duplicate' || answer.status === 'refused'
    if (rejected && own.length > 0) broken.push(`${runId} was rejected, and ran`)
    if (answer.status === 'unreachable' && own.length > 0) broken.push(`${runId} was out of reach, and ran`)
    const noted = final?.rejections.first.some((rejection) => rejection.runId === runId) ?? false
    if (answer.noted && !noted) broken.push(`${runId} noted its rejection, and it is gone`)
  }
  const entries = final?.rejections.first ?? []
  if (new Set(entries.map(({ runId }) => runId)).size !== entries.length) broken.push('a rejection counts twice')
  return broken
}

/**
 * Where two may run at once: the first one's supervisor had been paused or killed by then, or it was told to go on
 * through an outage (one attempt) and a person forced the slot meanwhile.
 */
function mayOverlap(first: Story, second: { readonly startMs: number; readonly story: Story }): boolean {
  const goesOn = first.settings.maxAttempts === 1 && second.story.forced
  return first.disturbedMs <= second.startMs || goesOn
}
