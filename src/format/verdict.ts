import type { Instant } from '../core/types.ts'
import type { Sentence } from '../verdict/sentence.ts'
import { neededSteps } from '../verdict/steps.ts'
import type { Verdict } from '../verdict/verdict.ts'
import { stepJson } from './command-line.ts'
import { timeNear } from './local-time.ts'

/** Returns a sentence of a verdict with local times. It is not yet safe on a terminal. */
export function sentenceText(sentence: Sentence, slot: Instant, zone: string): string {
  return sentence.map((part) => (typeof part === 'string' ? part : timeNear(part.at, slot, zone))).join('')
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
