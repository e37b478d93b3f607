import type { Row } from '../../../src/core/types.ts'
import type { Observed, Write } from '../observed.ts'
import { rangeOf } from './ranges.ts'

type Say = (promise: string, text: string) => void

/** Each work saves its run, its attempt and the true time, and reports its run and its attempt. */
function savedIn(row: Row | undefined) {
  if (row?.checkpoint === undefined) return null
  const [runId = '', number, atMs] = row.checkpoint.split(' ')
  return { text: row.checkpoint, runId, number: Number(number), atMs: Number(atMs) }
}

/** What a batch says stays with its attempt, and what it saves goes to the next attempt of its slot, and to no other. */
export function checkSaid({ stories, writes }: Observed, say: Say): void {
  for (const [day, applied] of writes) {
    for (const [index, write] of applied.entries()) {
      checkReports(write.row, say)
      checkCheckpoint(write, applied[index - 1]?.row, say)
    }
    for (const { story, work } of stories.flatMap((one) => one.works.map((own) => ({ story: one, work: own })))) {
      if (story.day !== day) continue
      const claim = applied.findLast(({ row, atMs }) => atMs <= work.startMs && isBegin(row, story.runId, work.attempt))
      if (claim !== undefined && (claim.row.checkpoint ?? null) !== work.checkpoint)
        say('the next attempt goes on', `${story.runId} got ${work.checkpoint} and not ${claim.row.checkpoint}`)
      const end = applied.find(({ row }) => endOf(row, story.runId, work.attempt) === 'failed')
      const saved = end && savedIn(end.row)
      if (work.succeeded && end !== undefined) say('a success is recorded as one', `${story.runId} failed`)
      if (end !== undefined && (saved?.number !== work.attempt || saved.atMs < work.endMs))
        say('the end saves the checkpoint', `${story.runId} ended at ${work.endMs} and left ${saved?.text}`)
    }
  }
}

function isBegin(row: Row, runId: string, number: number): boolean {
  return row.attempts.some((one) => one.phase === 'running' && one.runId === runId && one.number === number)
}

function endOf(row: Row, runId: string, number: number) {
  return row.attempts.find((one) => one.runId === runId && one.number === number && one.phase === 'ended')?.outcome
}

function checkReports(row: Row, say: Say): void {
  for (const attempt of row.attempts) {
    const report = attempt.phase === 'ended' ? attempt.report : undefined
    if (report !== undefined && report !== `${attempt.runId} ${attempt.number}`)
      say('a report is that of its attempt', `attempt ${attempt.number} of ${attempt.runId} has the report ${report}`)
  }
}

function checkCheckpoint({ row, atMs }: Write, before: Row | undefined, say: Say): void {
  const [saved, last] = [savedIn(row), savedIn(before)]
  const isDone = row.state === 'COMPLETED' || row.attempts.at(-1)?.outcome === 'succeeded'
  // An attempt with another range gets no checkpoint.
  const startOf = (number: number | undefined) => rangeOf(row.attempts.find((one) => one.number === number))
  const isOther = startOf(last?.number) !== startOf(row.attempts.at(-1)?.number)
  if (saved === null && last !== null && !isDone && !isOther)
    say('a checkpoint is kept', `${row.writeId} dropped ${last.text}`)
  if (saved === null) return
  if (row.state === 'COMPLETED') say('no checkpoint after completion', `${row.writeId} kept ${saved.text}`)
  if (saved.text === last?.text) return
  if (saved.runId !== row.ownerRunId) say('a checkpoint is that of the owner', `${row.ownerRunId} wrote ${saved.text}`)
  if (last !== null && (saved.number < last.number || saved.atMs < last.atMs))
    say('a checkpoint does not go back', `${saved.text} came after ${last.text}`)
  if (saved.atMs > atMs) say('a checkpoint is of the past', `${saved.text} was written at ${atMs}`)
}
