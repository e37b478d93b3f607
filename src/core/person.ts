import { usageError } from './errors.ts'

/** A reason is a sentence, and a row should stay small: 1 KB holds both. */
const MAX_REASON_LENGTH = 500
/** An ECS task's ARN has about 110. */
const MAX_PERSON_LENGTH = 200

/** Throws a usage error unless a person's act on a slot says who and why, briefly. */
export function checkPerson({ by, reason }: { readonly by: string; readonly reason: string }): void {
  for (const [what, text, most] of [
    ['reason', reason, MAX_REASON_LENGTH],
    ['name (by)', by, MAX_PERSON_LENGTH],
  ] as const) {
    if (text.trim() === '') throw usageError(`a ${what} is needed: it goes on record with the slot`)
    if (text.length > most) throw usageError(`the ${what} has ${text.length} characters; allowed are ${most}`)
  }
}
