import { isForm } from '../form.ts'
import { bracketMistake } from './brackets.ts'
import { cronMistake } from './cron-structure.ts'
import { itemMistake } from './items.ts'
import type { Mistake } from './mistake.ts'
import { textMistake } from './text.ts'
import { wordsMistake } from './words.ts'

/** Finds one kind of mistake in an expression that was refused. */
type FindMistake = (expression: string) => Mistake | null

/** The order matters: the first mistakes concern the whole text, the last ones a part of a field. */
const KINDS: readonly FindMistake[] = [textMistake, wordsMistake, bracketMistake, cronMistake, itemMistake]

/** An expression can have several mistakes. More than these are not worth a guess. */
const MAX_MISTAKES = 4

/**
 * Finds a mistake in an expression that was refused. A correction is given only if it is a valid form, so that the
 * user never gets advice that is refused again.
 */
export function findMistake(expression: string): Mistake | null {
  return find(expression, MAX_MISTAKES)
}

function find(expression: string, left: number): Mistake | null {
  if (left === 0) return null
  for (const kind of KINDS) {
    const mistake = kind(expression)
    if (mistake === null) continue
    const { schedule } = mistake
    if (schedule === undefined || isForm(schedule)) return mistake
    const second = find(schedule, left - 1)
    if (second?.schedule !== undefined) return { ...second, ...mistake, schedule: second.schedule }
    if (second !== null) return second
  }
  return null
}
