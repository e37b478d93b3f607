/** A quote, and a backslash that fish would take for an escape: before another backslash, before a quote, and at the end. */
const SPECIAL = /(?:'|\\(?=['\\]|$))+/g

/**
 * Returns a text as it must be written inside of single quotes. A POSIX shell changes nothing there, but fish reads `\\` and
 * `\'`. So these characters are in double quotes, where all shells read them in the same way.
 */
export function insideQuotes(text: string): string {
  return text.replace(SPECIAL, (found) => `'"${found.replaceAll('\\', '\\\\')}"'`)
}
