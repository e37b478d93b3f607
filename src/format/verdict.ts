import type { Instant } from '../core/types.ts'
import type { Sentence } from '../verdict/sentence.ts'
import type { VerdictRule } from '../verdict/situations.ts'
import { neededSteps } from '../verdict/steps.ts'
import type { EventVerdict } from '../verdict/verdict.ts'
import { stepJson } from './command-line.ts'
import { timeNear } from './local-time.ts'

/**
 * A time has its date if that is not the date of the time before it, or of the slot. The time of a slot has seconds only if it
 * has some. Not yet safe on a terminal.
 */
export function sentenceText(sentence: Sentence, slot: Instant, zone: string): string {
  let near = slot
  const texts = sentence.map((part) => {
    if (typeof part === 'string') return part
    const text = timeNear(part.at, near, zone)
    near = part.at
    return part.task === undefined ? text : text.replace(/:00(?= |$)/, '')
  })
  return texts.join('')
}

/** Returns what a further scheduled trigger of the slot does, and how many attempts count. */
export function nextTriggerText(verdict: Pick<EventVerdict, 'nextTrigger' | 'attempts' | 'maxAttempts'>): string {
  const { nextTrigger, attempts, maxAttempts } = verdict
  const ofMost = maxAttempts === undefined ? '' : ` (${attempts} of ${maxAttempts} attempts used)`
  switch (nextTrigger) {
    case 'starts':
      return `starts it${attempts === 0 ? '' : ofMost}`
    case 'depends':
      return `starts it if its --max-attempts is ${attempts + 1} or more, and is refused otherwise`
    case 'duplicate':
      return 'is a duplicate'
    case 'paused':
      return 'starts nothing, because of a pause'
    case 'refused':
      // With attempts left, it is refused for another reason.
      return `is refused${attempts < (maxAttempts ?? 0) ? '' : ofMost}`
  }
}

export interface VerdictJson {
  /** One sentence, with local times. */
  readonly happened: string
  /** Whether the work of the slot was done: `done`, `not done`, `unknown` or `running`. */
  readonly work: VerdictRule['work']
  /** The answer to a further scheduled trigger of this slot: `starts`, `depends` (on `--max-attempts`), `duplicate`, `refused`, or `paused`: it starts nothing. */
  readonly nextTrigger: VerdictRule['nextTrigger']
  /** A warning to read before anything is run. Left out: none. */
  readonly caution?: string
  /** The commands that the operator can run. Left out: there is nothing to do. */
  readonly steps?: readonly ReturnType<typeof stepJson>[]
}

export function verdictJson(verdict: VerdictRule, slot: Instant, zone: string): VerdictJson {
  const { happened, work, nextTrigger, caution } = verdict
  const steps = neededSteps(verdict.steps).map(stepJson)
  return {
    happened: sentenceText(happened, slot, zone),
    work,
    nextTrigger,
    ...(caution !== null && { caution }),
    ...(steps.length > 0 && { steps }),
  }
}
