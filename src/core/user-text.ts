import { quote, usageError } from './errors.ts'

/** Control characters, including the C1 ones, line separators, and characters that change the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not reach a terminal
export const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

// A program that may write into a ledger chooses the texts in it. Some become words of a command that is printed or run.
// So each kind of text has a form, and what is read from a ledger in another form is damaged (`stored-fields.ts`).

/** A name of ECS or Kubernetes. It does not look like an option, nor like an address that the command line of AWS would read. */
const PLACE_NAME = /^(?!-)(?!.*:\/\/)[A-Za-z0-9_.:/-]+$/
const ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/

export function isPlaceName(text: string): boolean {
  return PLACE_NAME.test(text)
}

/** Returns whether it is the name of a log group or of a log stream. CloudWatch allows this character, too. */
export function isLogName(text: string): boolean {
  return isPlaceName(text.replaceAll('#', '_'))
}

export function isZoneName(text: string): boolean {
  return isPlaceName(text.replaceAll('+', '_'))
}

export function isId(text: string): boolean {
  return ID.test(text)
}

export function isPrintable(text: string): boolean {
  return text.search(UNPRINTABLE) < 0
}

/** No task looks like an option. Names that begin with `#` are left to the ledger itself. */
const TASK_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/

export function isTaskName(task: unknown): task is string {
  return typeof task === 'string' && TASK_NAME.test(task)
}

export function checkTaskName(task: string): void {
  if (TASK_NAME.test(task)) return
  if (isTaskPattern(task)) throw usageError(`${quote(task)} stands for several tasks. Give the name of one task here.`)
  throw usageError(
    `task ${quote(task.slice(0, 200))} is not a valid name. Use 1 to 128 of the characters A-Z a-z 0-9 . _ / - and begin with a letter or a digit.`,
  )
}

/** Throws a usage error unless `--after` may have the text: the name of a task, or a prefix (`imp/*`). */
export function checkUpstream(task: string): void {
  if (!isTaskPattern(task)) checkTaskName(task)
}

export function isUpstream(task: unknown): task is string {
  return isTaskName(task) || (typeof task === 'string' && isTaskPattern(task))
}

/** Returns whether a text stands for several tasks: a prefix with a star at its end. Without a prefix, it means all tasks. */
export function isTaskPattern(text: string): boolean {
  const prefix = text.slice(0, -1)
  return text.endsWith('*') && (prefix === '' || TASK_NAME.test(prefix))
}

export const REASON_PLACEHOLDER = 'YOUR REASON'
/** The text in a printed command in whose place the operator writes the batch. No program has this name. */
export const COMMAND_PLACEHOLDER = 'YOUR_COMMAND'

const PLACEHOLDERS: ReadonlySet<string> = new Set([
  REASON_PLACEHOLDER,
  COMMAND_PLACEHOLDER,
  'WHY',
  'REASON',
  'COMMAND',
  '…',
  '...',
])

/** Returns whether a text is a placeholder that was not replaced, such as `YOUR REASON` or `<reason>`. */
export function isPlaceholder(text: string): boolean {
  // A value from an env file may keep its quotes.
  const bare = text.trim().replace(/^(['"])(.*)\1$/, '$2')
  return PLACEHOLDERS.has(bare) || /^<[^<>]+>$/.test(bare)
}

// The limits count bytes of UTF-8, because the stores count bytes. A row with 100 attempts and 100 resolutions that all
// have the longest texts must stay below the 400 KB of a DynamoDB item.

const MAX_REASON_BYTES = 800
const MAX_PLAN = 64
/** The ARN of an ECS task has about 110 bytes. */
export const MAX_PERSON_BYTES = 200

export function checkOperator({ by, reason }: { readonly by: string; readonly reason: string }): void {
  checkText('the reason', reason, MAX_REASON_BYTES, 'Give one, because it is recorded.')
  checkText('the name (by)', by, MAX_PERSON_BYTES, 'Give one, because it is recorded.')
}

export function checkPlan(plan: string): void {
  if (isId(plan) && plan.length <= MAX_PLAN) return
  throw usageError(
    `the id of the repair, ${quote(plan.slice(0, 100))}, is not valid. Use up to ${MAX_PLAN} of the characters A-Z a-z 0-9 . _ : - and begin with a letter or a digit, or remove CRONLEDGER_PLAN, which rerun sets.`,
  )
}

export function checkOwner(owner: string): void {
  checkText('owner', owner, MAX_PERSON_BYTES, 'Give a name, a URL or a runbook, or leave it out.')
}

function checkText(what: string, text: string, most: number, advice: string): void {
  if (text.trim() === '') throw usageError(`${what} is empty. ${advice}`)
  if (isPlaceholder(text)) {
    throw usageError(`${what} is still the placeholder ${quote(text)}. Replace it with your own text.`)
  }
  const bytes = bytesOf(text)
  if (bytes > most) throw usageError(`${what} is too long: ${bytes} bytes in UTF-8. At most ${most} are allowed.`)
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
