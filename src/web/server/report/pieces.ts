import { raw } from 'hono/html'

/** Marks the position in an element where the pieces go. Text of a ledger cannot contain it, because it is escaped. */
const PIECES = '<!-- pieces -->'
export const PLACE = raw(PIECES)

/** Returns the text before the position of the pieces, and the text after it. */
export function around(html: string): readonly [before: string, after: string] {
  const [before = '', after = ''] = html.split(PIECES)
  return [before, after]
}
