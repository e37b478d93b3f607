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
