// luxon gives the offset of a zone at an instant. It does not say from when to when that offset holds, so we search the time at
// which the clocks change: at 2025-11-02T06:00Z in New York. `local-time.ts` says what its own conversion gets wrong.

import { IANAZone } from 'luxon'
import { quote, usageError } from '../errors.ts'
import { suggestion } from '../near.ts'
import { setWithin } from '../objects.ts'
import type { Instant } from '../types.ts'

/** A stretch of time `[from, to)` in which a zone's clocks do not change, in seconds since 1970 UTC. */
interface Piece {
  readonly from: number
  readonly to: number
  /** How many seconds the wall clock is ahead of UTC. */
  readonly offset: number
}

export interface Zone {
  pieceAt(second: number): Piece
}

/** No zone has been further from UTC since 1900. The widest offsets are +14:00 and -12:00, so there is room. */
export const MAX_OFFSET_SECONDS = 16 * 3600

/** No zone may leave and regain an offset in a cell. The shortest such time is 3.98 days (Freetown 1939). */
const CELL_SECONDS = 3 * 86_400

/** 33 years of cells, half a megabyte: a walk over centuries must not fill the memory of the container. */
const MAX_CELLS = 4096

/** The longest name has 32 characters. A much longer text is not a name, and ICU does not have to see it. */
const ZONE_NAME = /^[a-z][a-z0-9_+/-]{0,63}$/i

/**
 * ICU also knows abbreviations that are not IANA names. Some of them mean an unexpected place: BST is Dhaka, AST is
 * Anchorage, and IST is Calcutta. These are all names of three letters that IANA has. `SystemV/…` left IANA in 2020.
 */
const THREE_LETTER_NAMES: ReadonlySet<string> = new Set(
  'CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET'.split(' '),
)

const UTC_NAMES: ReadonlySet<string> = new Set(
  'utc uct zulu universal gmt etc/utc etc/uct etc/zulu etc/universal etc/gmt'.split(' '),
)

/** The first and the last instant of JavaScript. Every slot lies between them. */
const ALWAYS: Piece = { from: -8.64e12, to: 8.64e12, offset: 0 }

/** The default zone, which does not need ICU. The first use of ICU in a process takes 9 ms and 8 MB. */
const UTC_ZONE: Zone = { pieceAt: () => ALWAYS }

/** Each schedule and each time that is shown asks for the zone again. A reader may spell a zone in many ways, so there is a limit. */
const OPENED = new Map<string, Zone>()
const MAX_OPENED = 500

/** Throws a usage error unless `name` is an IANA name. It is used as written: ICU's own spelling differs between versions. */
export function openZone(name: string): Zone {
  if (name === 'UTC') return UTC_ZONE
  const opened = OPENED.get(name) ?? readZone(name)
  if (!OPENED.has(name)) setWithin(OPENED, MAX_OPENED, name, opened)
  return opened
}

function readZone(name: string): Zone {
  if (!isZone(name)) {
    // A short name, such as that of an offset, is near to another one by chance.
    const near = name.includes('/') ? suggestion(name, Intl.supportedValuesOf('timeZone')) : ''
    throw usageError(`timezone ${quote(name)} is not an IANA time zone name.${near} Use one such as Asia/Tokyo or UTC.`)
  }
  const zone = IANAZone.create(name)
  const cells = new Map<number, readonly Piece[]>()
  /** The offsets where two cells meet. Reading one costs more than everything else here. */
  const edges = new Map<number, number>()
  const edgeAt = (second: number) => {
    const offset = edges.get(second) ?? offsetAt(zone, second)
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
        pieces = edgeAt(from) === edgeAt(to) ? [{ from, to, offset: edgeAt(from) }] : split(zone, from, to)
        cells.set(index, pieces)
      }
      const piece = pieces.find(({ to }) => second < to)
      if (piece === undefined) throw new Error(`no piece of ${name} at ${second}`)
      return piece
    },
  }
}

export function isZone(name: string): boolean {
  return (
    ZONE_NAME.test(name) &&
    !/^SystemV\//i.test(name) &&
    (name.length !== 3 || THREE_LETTER_NAMES.has(name.toUpperCase())) &&
    IANAZone.create(name).isValid
  )
}

/** Returns the seconds ahead of UTC, or null if it is not a zone. It is cheaper than a `Zone`. */
export function offsetSeconds(name: string, instant: Instant): number | null {
  if (name === 'UTC') return 0
  return isZone(name) ? offsetAt(IANAZone.create(name), instant / 1000) : null
}

/** Returns seconds ahead of UTC as `+09:00`. */
export function offsetText(offset: number): string {
  const ahead = new Date(Math.abs(offset) * 1000).toISOString().slice(11, 19)
  return `${offset < 0 ? '-' : '+'}${ahead.replace(/:00$/, '')}`
}

/** Some old offsets have seconds (Monrovia until 1972: -00:44:30). Luxon returns a fraction of a minute. */
function offsetAt(zone: IANAZone, second: number): number {
  return Math.round(zone.offset(second * 1000) * 60)
}

/** Every other zone had another offset at some time, or may get one. */
export function isUtc(name: string): boolean {
  return UTC_NAMES.has(name.toLowerCase())
}

/**
 * Returns the name in the letters of IANA: AWS does not accept `asia/tokyo`. For an alias, ICU returns another name, sometimes
 * an old one (Asia/Calcutta). So an alias that is written as a region and a city stays.
 */
export function spelledZone(name: string): string {
  const known = new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  const isAlias = known.toLowerCase() !== name.toLowerCase()
  return isAlias && /^[A-Z][a-z]+(?:\/[A-Z][\w+-]*)+$/.test(name) ? name : known
}

function split(zone: IANAZone, from: number, to: number): readonly Piece[] {
  const offset = offsetAt(zone, from)
  if (offsetAt(zone, to - 1) === offset) return [{ from, to, offset }]
  let before = from
  let after = to - 1
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(zone, middle) === offset) before = middle
    else after = middle
  }
  return [{ from, to: after, offset }, ...split(zone, after, to)]
}

/** Returns the first instant at which the zone's clocks show `local`, or null if they skip it. Both are seconds. */
export function firstInstantAt(zone: Zone, local: number): number | null {
  for (const { from } of stretchesOf(zone, local, local + 1)) return from
  return null
}

/** Yields when clocks show the local times of `[from, to)`: never, once, or several times. All are seconds. */
export function* stretchesOf(zone: Zone, from: number, to: number): Generator<Pick<Piece, 'from' | 'to'>> {
  for (let at = from - MAX_OFFSET_SECONDS; at < to + MAX_OFFSET_SECONDS; ) {
    const piece = zone.pieceAt(at)
    const stretch = { from: Math.max(piece.from, from - piece.offset), to: Math.min(piece.to, to - piece.offset) }
    if (stretch.from < stretch.to) yield stretch
    at = piece.to
  }
}

/** Returns the zone that more than half of the users have, or else UTC. */
export function commonZone(users: Iterable<{ readonly zone: string }>, otherwise = 'UTC'): string {
  const counts = new Map<string, number>()
  let all = 0
  for (const { zone } of users) {
    counts.set(zone, (counts.get(zone) ?? 0) + 1)
    all += 1
  }
  return [...counts].find(([, count]) => 2 * count > all)?.[0] ?? otherwise
}
