import { IANAZone } from 'luxon'
import { usageError } from '../errors.ts'
import { quote } from '../problem.ts'

/** A stretch of time, in seconds since 1970 UTC, in which a zone's clocks do not change: `[from, to)`. */
interface Piece {
  readonly from: number
  readonly to: number
  /** Seconds that the wall clock is ahead of UTC. */
  readonly offset: number
}

/** The clocks of a zone, by Node's ICU. */
export interface Zone {
  pieceAt(second: number): Piece
}

/** No zone is or was further from UTC since 1900; the widest are +14:00 and -12:00, and this leaves room. */
export const MAX_OFFSET_SECONDS = 16 * 3600

/**
 * Offsets are asked for at both ends of a cell, so a zone must not leave and regain an offset inside one. The shortest
 * such excursion since 1900 is 3.98 days (Freetown 1939), since 1970 6.95 (Recife 2000; Gaza 2040).
 */
const CELL_SECONDS = 3 * 86_400

/** About 33 years of cells, half a megabyte: a walk over centuries must not fill the memory of the batch's container. */
const MAX_CELLS = 4096

/** The longest name is 32 characters; what is far longer is no name, and ICU need not see it. */
const NAME = /^[a-z][a-z0-9_+/-]{0,63}$/i

/**
 * ICU also knows abbreviations that are no IANA names, and some mean another place than one would think: BST is Dhaka,
 * AST Anchorage, IST Calcutta. These are all names of three letters that IANA has. `SystemV/…` left IANA in 2020.
 */
const THREE_LETTER_NAMES: ReadonlySet<string> = new Set(
  'CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET'.split(' '),
)

/** No time that a slot can have lies outside: JavaScript's own last instant. */
const ALWAYS: Piece = { from: -8.64e12, to: 8.64e12, offset: 0 }

/** The default zone, without ICU: a process's first look into that takes 9 ms and 8 MB. */
const UTC: Zone = { pieceAt: () => ALWAYS }

/** Throws a usage error for anything but an IANA name. The name is used as it is written: ICU's own spelling varies by version. */
export function openZone(name: string): Zone {
  if (name === 'UTC') return UTC
  const named =
    NAME.test(name) &&
    !/^SystemV\//i.test(name) &&
    (name.length !== 3 || THREE_LETTER_NAMES.has(name.toUpperCase())) &&
    IANAZone.create(name).isValid
  if (!named) {
    throw usageError(
      `timezone is ${quote(name)}; allowed are IANA names such as "Asia/Tokyo", "America/New_York" or "UTC", no offsets, abbreviations or "local"`,
    )
  }
  const zone = IANAZone.create(name)
  // Some old offsets have seconds (Monrovia until 1972: -00:44:30): luxon then gives a fraction of minutes.
  const offsetAt = (second: number) => Math.round(zone.offset(second * 1000) * 60)
  const cells = new Map<number, readonly Piece[]>()
  /** Where two cells meet, for both of them: an offset costs some microseconds, all else here far less. */
  const edges = new Map<number, number>()
  const edgeAt = (second: number) => {
    const offset = edges.get(second) ?? offsetAt(second)
    edges.set(second, offset)
    return offset
  }
  return {
    pieceAt(second) {
      const index = Math.floor(second / CELL_SECONDS)
      let pieces = cells.get(index)
      if (pieces === undefined) {
        if (cells.size >= MAX_CELLS) {
          cells.clear()
          edges.clear()
        }
        const [from, to] = [index * CELL_SECONDS, (index + 1) * CELL_SECONDS]
        pieces = edgeAt(from) === edgeAt(to) ? [{ from, to, offset: edgeAt(from) }] : split(offsetAt, from, to)
        cells.set(index, pieces)
      }
      const piece = pieces.find(({ to }) => second < to)
      if (piece === undefined) throw new Error(`no piece of ${name} at ${second}`)
      return piece
    },
  }
}

/**
 * The name of a zone that `openZone` takes, in IANA's letters: AWS does not take `asia/tokyo`. ICU spells what it has a
 * name of its own for; of an alias it would give another name, and sometimes an old one (Asia/Calcutta), so one that is
 * written as a region and a place stays.
 */
export function spelledZone(name: string): string {
  const known = new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  const isAlias = known.toLowerCase() !== name.toLowerCase()
  return isAlias && /^[A-Z][a-z]+(?:\/[A-Z][\w+-]*)+$/.test(name) ? name : known
}

function split(offsetAt: (second: number) => number, from: number, to: number): readonly Piece[] {
  const offset = offsetAt(from)
  if (offsetAt(to - 1) === offset) return [{ from, to, offset }]
  let before = from
  let after = to - 1
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(middle) === offset) before = middle
    else after = middle
  }
  return [{ from, to: after, offset }, ...split(offsetAt, after, to)]
}

/** The first instant at which the zone's clocks show `local`; null where they skip it. Seconds. */
export function firstInstantAt(zone: Zone, local: number): number | null {
  for (const { from } of stretchesOf(zone, local, local + 1)) return from
  return null
}

/**
 * When the zone's clocks show the local times of `[from, to)`, in order: several stretches where they come back to some of
 * them, none where they skip them all. Seconds.
 */
export function* stretchesOf(zone: Zone, from: number, to: number): Generator<Pick<Piece, 'from' | 'to'>> {
  for (let at = from - MAX_OFFSET_SECONDS; at < to + MAX_OFFSET_SECONDS; ) {
    const piece = zone.pieceAt(at)
    const stretch = { from: Math.max(piece.from, from - piece.offset), to: Math.min(piece.to, to - piece.offset) }
    if (stretch.from < stretch.to) yield stretch
    at = piece.to
  }
}
