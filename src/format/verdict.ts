import type { Instant } from '../core/types.ts'
import type { Sentence } from '../verdict/sentence.ts'
import { neededSteps } from '../verdict/steps.ts'
import type { Verdict } from '../verdict/verdict.ts'
import { stepJson } from './command-line.ts'
import { timeNear } from './local-time.ts'

/**
 * Returns a sentence of a verdict with local times. A time has its date if that is another one than that of the time
 * before it, which is the slot for the first one. The sentence is not yet safe on a terminal.
 */
export function sentenceText(sentence: Sentence, slot: Instant, zone: string): string {
  let near = slot
  const texts = sentence.map((part) => {
    if (typeof part === 'string') return part
    const text = timeNear(part.at, near, zone)
    near = part.at
    return text
  })
  return texts.join('')
}

/** Returns what a further scheduled trigger does, and how many attempts count. */
export function furtherText({ further, attempts }: Verdict): string {
  const used = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} used`
  switch (further) {
    case 'starts':
      return 'starts it'
    case 'depends':
      return `starts it only if --max-attempts leaves it an attempt (${used})`
    case 'duplicate':
      return 'is a duplicate'
    case 'refused':
      return 'is refused'
  }
}

/** Returns what programs get of a verdict besides the status. */
export function verdictJson(verdict: Verdict, slot: Instant, zone: string) {
  const { happened, work, further, caution } = verdict
  const steps = neededSteps(verdict.steps).map(stepJson)
  return {
    happened: sentenceText(happened, slot, zone),
    work,
    further,
    ...(caution !== null && { caution }),
    ...(steps.length > 0 && { steps }),
  }
}
