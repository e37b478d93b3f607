/** One line of the popover. */
export interface FactLine {
  readonly kind: 'status' | 'text' | 'local' | 'utc'
  readonly text: string
}

/** The label of a cell has its facts in one line. */
const BETWEEN_FACTS = '; '
/** A local time or a range with its offset: `2026-11-24 03:00 +09:00`, `2026-11-24 03:00 to 07:00 +09:00 Asia/Tokyo`. */
const LOCAL_TIME =
  /(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?)(?: to (?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d(?::\d\d)?))? ([+-]\d\d:\d\d).*/

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

/** Returns the text with its time in UTC, or null if the text has no time with an offset. */
function utcText(text: string): string | null {
  const found = LOCAL_TIME.exec(text)
  const [, day = '', start = '', endDay = day, end = '', offset = ''] = found ?? []
  const from = inUtc(`${day}T${start}${offset}`)
  const to = end === '' ? '' : inUtc(`${endDay}T${end}${offset}`)
  if (found === null || from === null || to === null) return null
  const range = to === '' ? from : `${from} to ${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to}`
  return `${text.slice(0, found.index)}${range} UTC`
}

/** Returns `2026-11-23 18:00`, or null if the text is not a time. */
function inUtc(local: string): string | null {
  const at = Date.parse(local)
  if (Number.isNaN(at)) return null
  const utc = new Date(at).toISOString().slice(0, 19).replace('T', ' ')
  return utc.replace(/(:\d\d):00$/, '$1')
}
