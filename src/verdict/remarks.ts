import { elapsed } from '../core/duration.ts'
import { hasStarted, hasSucceeded, successOf } from '../core/row/attempts.ts'
import { expectedText, unmetRules, unmetText } from '../core/task/rules.ts'
import type { AttemptRecord, Instant, Row } from '../core/types.ts'
import { countSlotsIn, type SlotInTask, type TaskFacts } from './found.ts'
import { decisionSentence, type Sentence } from './sentence.ts'
import { lookStep, rerunStep, resolveStep, type Step } from './steps.ts'
import type { StepTarget } from './target.ts'

interface RemarkWords {
  readonly happened: Sentence
  readonly workText?: string
  readonly caution?: string
  readonly steps?: readonly Step[]
}

interface FoundRemark {
  /** Whether `check` reports it, if nothing more urgent is to be said of the slot, and until an operator settles it. */
  readonly isFinding: boolean
  words(target: StepTarget): RemarkWords
}

interface Remark {
  /** The kind of the finding. */
  readonly kind: string
  of(found: SlotInTask): FoundRemark | null
}

/** The remarks that a slot may have besides its situation. The first one of a slot counts. A new remark is a line here. */
export const REMARKS = {
  unusual: {
    kind: 'unusual',
    of(found) {
      const unmet = unmetOf(found)
      if (unmet.length === 0) return null
      const words = (target: StepTarget): RemarkWords => {
        if (found.rowStatus === 'running')
          return { happened: [`, which is too long (${unmet.map(expectedText).join(', ')})`] }
        return {
          happened: [`, but ${unmet.map(unmetText).join(', ')}`],
          workText: 'done, perhaps wrongly',
          caution: 'Look at the data first. A rerun does its work a second time.',
          steps: [
            lookStep(target),
            resolveStep('if it is right, settle it', target),
            rerunStep('or run it again, if its work is wrong', { ...target, only: ['completed'] }),
          ],
        }
      }
      return { isFinding: true, words }
    },
  },
  late: {
    kind: 'late',
    of({ own, of }) {
      const late = own === null ? null : latenessOf(own, of.times)
      return (
        late && {
          isFinding: late.isFinding,
          words: (target) => ({
            happened: late.said,
            ...(late.isFinding &&
              own?.state === 'COMPLETED' && { steps: [resolveStep('when you know why, settle it', target)] }),
          }),
        }
      )
    },
  },
} as const satisfies Readonly<Record<string, Remark>>

export type RemarkName = keyof typeof REMARKS
export type Remarks = Readonly<Partial<Record<RemarkName, FoundRemark>>>

/** A stale attempt may have ended, so it is not measured. */
export function unmetOf({ own, rowStatus, of, older = [] }: SlotInTask) {
  if (own === null || of.rules === null || rowStatus === 'stale') return []
  return unmetRules(own, of.rules, older, countSlotsIn(of), of.now)
}

/**
 * A slot is late if it started later than `--late-after`, or completed later than `--done-by`. Only a late start of the scheduler
 * is a finding: a missed deadline was one while the slot was overdue, and an operator who has forced the slot knows of it.
 */
function latenessOf(own: Row, { lateAfterMs, doneByMs }: TaskFacts['times']) {
  const { slot, attempts, resolutions } = own
  const hasBeenForced = attempts.some((one) => one.trigger.kind === 'forced' && hasStarted(one))
  const [first, success] = [attempts.find(hasStarted), attempts.find(hasSucceeded)]
  const isLate = (at: Instant | undefined) => lateAfterMs !== null && at !== undefined && at > slot + lateAfterMs
  const said = (one: AttemptRecord): Sentence => [
    `. ${attempts.filter(hasStarted).length === 1 ? 'It' : `Attempt ${one.number}`} started ${elapsed(one.startedAt - slot)} late`,
  ]
  if (first && isLate(first.startedAt)) return { isFinding: !hasBeenForced, said: said(first) }
  if (success && isLate(success.startedAt)) return { isFinding: false, said: said(success) }
  const endedAt = success?.phase === 'ended' ? success.endedAt : undefined
  const doneAt = endedAt ?? resolutions.find(({ state }) => state === 'COMPLETED')?.at
  if (doneByMs === null || doneAt === undefined || doneAt <= slot + doneByMs) return null
  const overdue: Sentence = ['. It should have completed by ', { at: slot + doneByMs }]
  return { isFinding: false, said: overdue }
}

/** Returns whether an operator has decided about the slot since its last attempt started, so that no remark needs attention. */
export function isSettled(own: Row | null): boolean {
  const last = own?.attempts.findLast(hasStarted)
  return last !== undefined && own?.resolutions.some(({ afterAttempt }) => afterAttempt >= last.number) === true
}

/** Says who has settled a completed slot, and why. An operator who marks a slot as completed has no success to settle. */
export function settledSentence(own: Row): Sentence {
  const success = own.state === 'COMPLETED' ? successOf(own) : undefined
  const decision = own.resolutions.findLast(({ state }) => state === 'COMPLETED')
  if (success === undefined || decision === undefined || decision.afterAttempt < success.number) return []
  return ['. ', ...decisionSentence(decision)]
}
