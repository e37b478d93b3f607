import { elapsed, formatDuration, parseDuration } from '../duration.ts'
import { LedgerError, quote, usageError } from '../errors.ts'
import { isKeyOf } from '../objects.ts'
import { batchReport, ranMsOf, successOf } from '../row/attempts.ts'
import { type Fact, factOf } from '../row/report.ts'
import type { Instant, Row } from '../types.ts'

// The expectations of a completed slot (`--expect`): of its duration, and of the facts that its batch reports.

const MEETS = {
  '>=': (order: number) => order >= 0,
  '<=': (order: number) => order <= 0,
  '>': (order: number) => order > 0,
  '<': (order: number) => order < 0,
  '=': (order: number) => order === 0,
} as const

interface Rule {
  /** The name of a fact, or `duration`: how long the attempt that succeeded took, in milliseconds. */
  readonly name: string
  readonly operator: keyof typeof MEETS
  /** With `isRelative`, the bound is this many times the usual value. */
  readonly bound: Fact
  readonly isRelative: boolean
}

export interface Rules {
  readonly since: Instant
  readonly rules: readonly Rule[]
}

export interface Unmet extends Rule {
  /** Null: the batch did not report it. */
  readonly value: Fact | null
  /** The median of the slots before. Null: too few of them have it. */
  readonly usual: number | null
  /** How many slots its run did. An upper bound is for each of them. */
  readonly slots: number
}

/** Returns how many slots the run of a row did, counted up to `most`. */
export type CountSlots = (row: Row, most?: number) => number

const MAX_RULES = 10
/** The usual value is the median of at most 20 completed slots. With fewer than 5, it is unknown. */
const [MOST_USUAL, LEAST_USUAL] = [20, 5]

/** Another form of a number, such as `1e3`, is refused, also as a text: it would never be equal to what the batch reports. */
const NUMBER = /^-?\d+(\.\d+)?$/
const TIMES = /^(\d{1,6}(?:\.\d{1,3})?)x$/
const FORM = /^([A-Za-z_][\w.-]{0,63})\s*(>=|<=|=|>|<)\s*([^<>=].*)$/

/** Reads rules that are separated by commas: `rows>=1, duration<=3x`. Throws a usage error. */
export function parseRules(text: string): readonly Rule[] {
  const rules = text.split(',').map((one) => parseRule(one.trim()))
  if (rules.length > MAX_RULES)
    throw usageError(`--expect has ${rules.length} rules. At most ${MAX_RULES} are allowed.`)
  return rules
}

function parseRule(text: string): Rule {
  const [, name = '', operator = '', value = ''] = FORM.exec(text) ?? []
  if (!isKeyOf(operator, MEETS)) throw problem(text, 'is not a rule')
  const times = Number(TIMES.exec(value)?.[1] ?? 0)
  if (times > 0 && operator !== '=') return { name, operator, bound: times, isRelative: true }
  return { name, operator, bound: boundOf(text, name, operator, value), isRelative: false }
}

function boundOf(text: string, name: string, operator: string, value: string): Fact {
  if (name === 'duration') {
    try {
      return parseDuration(value)
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      throw problem(text, `has ${quote(value)}, which is not a duration`)
    }
  }
  const number = Number(value)
  if (NUMBER.test(value) && Number.isFinite(number)) return number
  if (operator !== '=' || !Number.isNaN(number) || TIMES.test(value))
    throw problem(text, `has ${quote(value)}, which is not a number such as 1000, -5 or 0.5`)
  return value === 'true' || value === 'false' ? value === 'true' : value
}

function problem(text: string, what: string): LedgerError {
  return usageError(
    `--expect ${quote(text)} ${what}. Use duration or a name that the batch reports, one of >= <= > < =, and a value: rows>=1, duration>=5m, or duration<=3x (3 times the usual duration).`,
  )
}

/**
 * Returns the rules that a slot does not meet. `older` has the slots before it, the newest first. A slot that only an operator
 * marked as completed, or that completed before the rules were stated, is not measured. A run that did the work of several
 * slots may take longer and report more, and says nothing of what is usual.
 */
export function unmetRules(
  row: Row,
  { since, rules }: Rules,
  older: readonly Row[],
  countSlots: CountSlots,
): readonly Unmet[] {
  if (row.state !== 'COMPLETED' || row.slot < since || successOf(row) === undefined) return []
  const slots = countSlots(row)
  const comparable = older.filter((one) => countSlots(one, 2) === 1)
  return rules.flatMap((rule) => {
    const value = measured(row, rule.name) ?? null
    const usual = usualOf(rule.name, comparable)
    return value === null || !meets(value, rule, usual, slots) ? [{ ...rule, value, usual, slots }] : []
  })
}

function measured(row: Row, name: string): Fact | undefined {
  const success = successOf(row)
  if (success === undefined) return undefined
  return name === 'duration' ? ranMsOf(success) : factOf(batchReport(success), name)
}

function usualOf(name: string, older: readonly Row[]): number | null {
  const values = numbersOf(name, older).slice(0, MOST_USUAL)
  return values.length < LEAST_USUAL ? null : medianOf(values)
}

function numbersOf(name: string, rows: readonly Row[]): readonly number[] {
  const completed = rows.filter(({ state }) => state === 'COMPLETED')
  return completed.map((row) => measured(row, name)).filter((value) => typeof value === 'number')
}

/** How many rows are read for the pace of a task: the newest, and those that say what is usual. */
export const PACE_ROWS = 41

/** How long the newest completed slot took, and how long the slots before it usually take, in milliseconds. */
export interface Pace {
  /** Of the completed slots, the newest first. */
  readonly durationsMs: readonly number[]
  /** Null: too few slots before the newest one have completed. */
  readonly usualMs: number | null
}

/** Returns the pace of a task from its rows, the newest first. `tasks`, the pages and the report have it from here. */
export function paceOf(rows: readonly Row[]): Pace {
  const last = rows.findIndex((row) => row.state === 'COMPLETED' && measured(row, 'duration') !== undefined)
  const usual = last < 0 ? null : usualOf('duration', rows.slice(last + 1))
  return { durationsMs: numbersOf('duration', rows), usualMs: usual && Math.round(usual) }
}

export function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

function isUpper({ operator }: Rule): boolean {
  return operator === '<=' || operator === '<'
}

function meets(value: Fact, rule: Rule, usual: number | null, slots: number): boolean {
  const { operator, bound, isRelative } = rule
  if (isUpper(rule) && slots === Number.POSITIVE_INFINITY) return true
  const most = isRelative ? (usual === null ? null : Number(bound) * usual) : bound
  // Without a usual value, no value is too large.
  if (most === null) return true
  if (typeof value !== typeof most) return false
  const limit = isUpper(rule) ? Number(most) * slots : most
  return MEETS[operator](value === limit ? 0 : value > limit ? 1 : -1)
}

/** Returns `rows is 0 (expected >= 1, usually 1,200)`. Not yet safe to show. */
export function unmetText(unmet: Unmet): string {
  const { name, operator, bound, isRelative, value, usual, slots } = unmet
  const shown = (one: Fact) => (name === 'duration' ? elapsed(Number(one)) : shownFact(one))
  const limit = isRelative ? `${bound}x` : name === 'duration' ? formatDuration(Number(bound)) : shownFact(bound)
  const isText = typeof value === 'string' && typeof bound === 'number'
  const is = value === null ? `${name} was not reported` : `${name} is ${isText ? JSON.stringify(value) : shown(value)}`
  const each = isUpper(unmet) && slots > 1 ? ` for each of ${slots} slots` : ''
  return `${is} (expected ${operator} ${limit}${each}${usual === null ? '' : `, usually ${shown(usual)}`})`
}

function shownFact(value: Fact): string {
  return typeof value === 'number' ? String(value).replace(/(?<!\.\d*)\B(?=(\d{3})+(?!\d))/g, ',') : String(value)
}
