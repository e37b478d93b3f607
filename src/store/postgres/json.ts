// PostgreSQL has no NUL in its texts, and refuses a half of a surrogate pair. A NUL is stored as U+E000 and 0, and U+E000
// itself as U+E000 and 1. Halves of pairs become U+FFFD, as everything does that is written in UTF-8.

const MARKED = /[\0\uE000]/g
const HALF = /\p{Surrogate}/gu
const MARK = /\uE000([01])/g

/** Returns a document as the text of a `jsonb`. */
export function toJson(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) =>
    typeof value === 'string'
      ? value.replace(HALF, '\uFFFD').replace(MARKED, (character) => (character === '\0' ? '\uE0000' : '\uE0001'))
      : value,
  )
}

/** Returns the document that is stored in the text of a `jsonb`. */
export function parseJson(column: unknown): unknown {
  const text = String(column)
  if (!text.includes('\uE000')) return JSON.parse(text)
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? value.replace(MARK, (_mark, digit) => (digit === '0' ? '\0' : '\uE000')) : value,
  )
}
