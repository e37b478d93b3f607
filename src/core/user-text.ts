import { quote, usageError } from './errors.ts'
import { isPlaceholder } from './placeholder.ts'

/** No task looks like an option. Names that begin with `#` are left to the ledger itself. */
const TASK_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/

export function isTaskName(task: unknown): task is string {
  return typeof task === 'string' && TASK_NAME.test(task)
}

export function checkTaskName(task: string): void {
  if (isTaskName(task)) return
  throw usageError(
    `task ${quote(String(task).slice(0, 200))} is not a valid name. Use 1 to 128 of the characters A-Z a-z 0-9 . _ / - and begin with a letter or a digit.`,
  )
}

// The limits count bytes of UTF-8, because the stores count bytes. A row with 100 attempts and 100 resolutions that all
// have the longest texts must stay below the 400 KB of a DynamoDB item.

/** The limit allows a few sentences in any script. */
const MAX_REASON_BYTES = 800
/** The ARN of an ECS task has about 110 bytes. */
export const MAX_PERSON_BYTES = 200

export function checkOperator({ by, reason }: { readonly by: string; readonly reason: string }): void {
  for (const [what, text, most] of [
    ['reason', reason, MAX_REASON_BYTES],
    ['name (by)', by, MAX_PERSON_BYTES],
  ] as const) {
    // A program in JavaScript may give no text at all.
    if (typeof text !== 'string' || text.trim() === '')
      throw usageError(`the ${what} is empty. Give one, because it is recorded.`)
    if (isPlaceholder(text)) {
      throw usageError(`the ${what} is still the placeholder ${quote(text)}. Replace it with your own text.`)
    }
    const bytes = bytesOf(text)
    if (bytes > most) throw usageError(`the ${what} is too long: ${bytes} bytes in UTF-8. At most ${most} are allowed.`)
  }
}

export function checkOwner(owner: string): void {
  if (owner.trim() === '') throw usageError('owner is empty. Give a name, a URL or a runbook, or leave it out.')
  if (isPlaceholder(owner)) {
    throw usageError(`owner is still the placeholder ${quote(owner)}. Replace it with your own text.`)
  }
  const bytes = bytesOf(owner)
  if (bytes > MAX_PERSON_BYTES) {
    throw usageError(`owner is too long: ${bytes} bytes in UTF-8. At most ${MAX_PERSON_BYTES} are allowed.`)
  }
}

export function bytesOf(text: string): number {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes
}
