/** A quote, and a backslash that fish would take for an escape: before another backslash, before a quote, and at the end. */
const SPECIAL = /(?:'|\\(?=['\\]|$))+/g

/** A POSIX shell changes nothing in single quotes, but fish reads `\\` and `\'`, so these are in double quotes. */
export function insideQuotes(text: string): string {
  return text.replace(SPECIAL, (found) => `'"${found.replaceAll('\\', '\\\\')}"'`)
}
