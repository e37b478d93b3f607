/** One line of the popover. */
export interface FactLine {
  readonly kind: 'status' | 'text' | 'local' | 'utc'
  readonly text: string
}

/** The label of a cell has its facts in one line. */
const BETWEEN_FACTS = '; '
/** A local time with its offset, as `2026-11-24 03:00 +09:00`. */
const LOCAL_TIME = /(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) ([+-]\d\d:\d\d)/

/**
 * Splits the label of a cell into the lines of the popover. A line with a local time is followed by that time in UTC. The
 * line of the status is the first one, after the name, that contains one of `words`.
 */
export function factLines(label: string, words: readonly string[]): readonly FactLine[] {
  const facts = label.split(BETWEEN_FACTS)
  const status = facts.findIndex(
    (fact, index) => index > 0 && fact.split(/[^a-z]+/).some((word) => words.includes(word)),
  )
  return facts.flatMap((text, index): FactLine[] => {
    const utc = utcText(text)
    if (utc !== null)
      return [
        { kind: 'local', text },
        { kind: 'utc', text: utc },
      ]
    return [{ kind: index === status ? 'status' : 'text', text }]
  })
}

/** Returns the time of a text in UTC, or null if the text has none with an offset. */
function utcText(text: string): string | null {
  const [, day, time, offset] = LOCAL_TIME.exec(text) ?? []
  const at = Date.parse(`${day}T${time}${offset}`)
  if (Number.isNaN(at)) return null
  const utc = new Date(at).toISOString().slice(0, 19).replace('T', ' ')
  return `${utc.replace(/(:\d\d):00$/, '$1')} UTC`
}
