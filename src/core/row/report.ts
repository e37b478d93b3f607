import { isRecord } from '../objects.ts'
import { UNPRINTABLE } from '../user-text.ts'

// The report is a text that the batch writes about an attempt. The row keeps the text, and facts are read from it, so that a
// store never has to accept the names and numbers of a batch.

export type Fact = number | string | boolean
export type ReportedFacts = Readonly<Record<string, Fact>>

export const MAX_REPORT_BYTES = 2_048
const MAX_FACTS = 20
const MAX_LINE_BYTES = 400

/** The colours of a terminal, and the other sequences that begin with `ESC [`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences must not reach a terminal
const TERMINAL_SEQUENCE = /\u001b\[[0-?]*[ -/]*[@-~]/g

/** Returns the report as it is kept, or null if it is empty. `bytes` need not have more than the limit and one byte. */
export function keptReport(bytes: Uint8Array): string | null {
  const isCut = bytes.length > MAX_REPORT_BYTES
  // With `stream`, a character that the limit cuts in two is left out.
  const decoded = new TextDecoder().decode(bytes.subarray(0, MAX_REPORT_BYTES), { stream: isCut })
  const text = decoded
    .replaceAll('\r\n', '\n')
    .replace(TERMINAL_SEQUENCE, '')
    .replaceAll('\t', ' ')
    .split('\n')
    .map((line) => line.replace(UNPRINTABLE, '\ufffd'))
    .join('\n')
    .trim()
  if (text === '') return null
  return cutWithMark(isCut ? `${text}…` : text, MAX_REPORT_BYTES)
}

/** Returns the report that a program gives as a value. Never throws: a report must not fail the work. */
export function reportOfValue(value: unknown): string | null {
  return keptReport(new TextEncoder().encode(valueText(value).slice(0, MAX_REPORT_BYTES + 1)))
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}

/** Returns the text in at most `most` bytes of UTF-8. If that cuts it, it ends with `…`, which has 3 bytes. */
function cutWithMark(text: string, most: number): string {
  const fitting = (bytes: number) => text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read)
  return fitting(most) === text ? text : `${fitting(most - 3)}…`
}

export function reportedFacts(report: string | undefined): ReportedFacts | null {
  if (report === undefined || !report.startsWith('{')) return null
  const parsed = parseOrNull(report)
  if (!isRecord(parsed)) return null
  const entries = Object.entries(parsed)
  return entries.length >= 1 && entries.length <= MAX_FACTS && entries.every(([, value]) => isFact(value))
    ? (parsed as ReportedFacts)
    : null
}

export function parseOrNull(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

function isFact(value: unknown): value is Fact {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

/** Returns a report as the members of a JSON object: `facts`, or the text as `report`. */
export function reportMembers(report: string | undefined): {
  readonly facts?: ReportedFacts
  readonly report?: string
} {
  const facts = reportedFacts(report)
  return facts !== null ? { facts } : report === undefined ? {} : { report }
}

export function factOf(report: string | undefined, name: string): Fact | undefined {
  const facts = reportedFacts(report)
  return facts !== null && Object.hasOwn(facts, name) ? facts[name] : undefined
}

/** Returns a report on one line: the facts as `rows=1234, file="a b"`, or the last line of the text. Not yet safe to show. */
export function reportLine(report: string): string {
  const facts = reportedFacts(report)
  const firstLine = report.split('\n').find((line) => line.trim() !== '') ?? ''
  const line = facts === null ? firstLine.trim() : Object.entries(facts).map(factText).join(', ')
  return cutWithMark(line, MAX_LINE_BYTES)
}

function factText([name, value]: readonly [string, Fact]): string {
  return `${name}=${typeof value === 'string' && !/^[\w.:/+-]+$/.test(value) ? JSON.stringify(value) : value}`
}
