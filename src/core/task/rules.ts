import { elapsed, formatDuration, parseDuration } from '../duration.ts'
import { LedgerError, option, quote, said, usageError } from '../errors.ts'
import { isKeyOf } from '../objects.ts'
import { batchReport, measuredAttempt, ranMsOf, successOf } from '../row/attempts.ts'
import { type Fact, factOf } from '../row/report.ts'
import type { Instant, Row } from '../types.ts'

// The expectations of a slot (`--expect`): of its duration, and of the facts that its batch reports.

const MEETS = {
  '>=': (order: number) => order >= 0,
  '<=': (order: number) => order <= 0,
  '>': (order: number) => order > 0,
  '<': (order: number) => order < 0,
  '=': (order: number) => order === 0,
} as const

interface Rule {
  /** The name of a fact, or `duration`: how long the attempt took that succeeded, or has run so far, in milliseconds. */
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

export type CountSlots = (row: Row, most?: number) => number

const MAX_RULES = 10
/** The usual value is the median of at most 20 completed slots. With fewer than 5, it is unknown. */
const MOST_USUAL = 20
const LEAST_USUAL = 5

/** Another form of a number, such as `1e3`, is refused, also as a text: it would never be equal to what the batch reports. */
const NUMBER = /^-?\d+(\.\d+)?$/
const TIMES = /^(\d{1,6}(?:\.\d{1,3})?)x$/
const FORM = /^([A-Za-z_][\w.-]{0,63})\s*(>=|<=|=|>|<)\s*([^<>=].*)$/

/** Reads rules that are separated by commas: `rows>=1, duration<=3x`. Throws a usage error. */
export function parseRules(text: string): readonly Rule[] {
  const rules = text.split(',').map((one) => parseRule(one.trim()))
  if (rules.length > MAX_RULES)
    throw usageError(said`${option('expect')} has ${rules.length} rules. At most ${MAX_RULES} are allowed.`)
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
    said`${option('expect')} ${quote(text)} ${what}. Use duration or a name that the batch reports, one of >= <= > < =, and a value: rows>=1, duration>=5m, or duration<=3x (3 times the usual duration).`,
  )
}

/**
 * Returns the rules that a slot does not meet. `older` has the slots before it, the newest first. A slot that only an operator
 * marked as completed, or that is older than the rules, is not measured. An attempt that still runs at `now` is measured by the
 * upper bounds of its duration.
 */
export function unmetRules(
  row: Row,
  { since, rules }: Rules,
  older: readonly Row[],
  countSlots: CountSlots,
  now: Instant,
): readonly Unmet[] {
  const attempt = measuredAttempt(row)
  if (attempt === undefined || row.slot < since) return []
  const isOpen = attempt.phase === 'running'
  const slots = countSlots(row)
  return rules.flatMap((rule) => {
    if (isOpen && !(rule.name === 'duration' && isUpper(rule))) return []
    const value = isOpen ? now - attempt.startedAt : (measured(row, rule.name) ?? null)
    const isMet = (usual: number | null) => value !== null && meets(value, rule, usual, slots)
    // What is usual costs more than all else here, and most rules are met without it.
    if (!rule.isRelative && isMet(null)) return []
    const usual = usualOf(usualValues(rule.name, older, countSlots))
    return isMet(usual) ? [] : [{ ...rule, value, usual, slots }]
  })
}

/** Returns the most that meets a rule. Null: without a usual value, no value is too large. */
function boundFor({ bound, isRelative, ...rule }: Rule, usual: number | null, slots: number): Fact | null {
  if (isRelative && usual === null) return null
  const most = isRelative ? Number(bound) * Number(usual) : bound
  return isUpper(rule) ? Number(most) * slots : most
}

function measured(row: Row, name: string): Fact | undefined {
  const success = successOf(row)
  if (success === undefined) return undefined
  return name === 'duration' ? ranMsOf(success) : factOf(batchReport(success), name)
}

/** A run that did the work of several slots may take longer and report more, so it does not count for the usual value. */
function usualValues(name: string, older: readonly Row[], countSlots: CountSlots): readonly number[] {
  const comparable = older.filter((one) => countSlots(one, 2) === 1)
  return numbersOf(name, comparable).slice(0, MOST_USUAL)
}

function usualOf(values: readonly number[]): number | null {
  return values.length < LEAST_USUAL ? null : medianOf(values)
}

function numbersOf(name: string, rows: readonly Row[]): readonly number[] {
  const completed = rows.filter(({ state }) => state === 'COMPLETED')
  return completed.map((row) => measured(row, name)).filter((value) => typeof value === 'number')
}

export const PACE_ROWS = 41

/** How long the newest completed slot took, and how long the slots before it usually take, in milliseconds. */
export interface Pace {
  /** Those of the completed slots, the newest first. */
  readonly durationsMs: readonly number[]
  /** Null: too few slots before the newest one have completed. */
  readonly usualMs: number | null
  /** The usual durations of the oldest 5 and of the newest 5 of those. Left out: too few are known. */
  readonly trend?: { readonly beforeMs: number; readonly latelyMs: number }
}

/** Returns the pace of a task from its rows, the newest first. `tasks` and the pages have it from here. */
export function paceOf(rows: readonly Row[], countSlots: CountSlots): Pace {
  const values = valuesOfPace(rows, countSlots)
  const usual = usualOf(values)
  const [latelyMs, beforeMs] = [usualOf(values.slice(0, LEAST_USUAL)), usualOf(values.slice(-LEAST_USUAL))]
  return {
    durationsMs: numbersOf('duration', rows),
    usualMs: usual && Math.round(usual),
    ...(beforeMs !== null && latelyMs !== null && { trend: { beforeMs, latelyMs } }),
  }
}

export function isPaceKnown(rows: readonly Row[], countSlots: CountSlots): boolean {
  return valuesOfPace(rows, countSlots).length === MOST_USUAL
}

function valuesOfPace(rows: readonly Row[], countSlots: CountSlots): readonly number[] {
  const last = rows.findIndex((row) => row.state === 'COMPLETED' && measured(row, 'duration') !== undefined)
  return last < 0 ? [] : usualValues('duration', rows.slice(last + 1), countSlots)
}

export function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

function isUpper({ operator }: Pick<Rule, 'operator'>): boolean {
  return operator === '<=' || operator === '<'
}

function meets(value: Fact, rule: Rule, usual: number | null, slots: number): boolean {
  if (isUpper(rule) && slots === Number.POSITIVE_INFINITY) return true
  const limit = boundFor(rule, usual, slots)
  if (limit === null) return true
  if (typeof value !== typeof rule.bound) return false
  return MEETS[rule.operator](value === limit ? 0 : value > limit ? 1 : -1)
}

/** Returns `rows is 0 (expected >= 1, usually 1,200)`. Not yet safe to show. */
export function unmetText(unmet: Unmet): string {
  const { name, bound, value } = unmet
  const isText = typeof value === 'string' && typeof bound === 'number'
  const shown = value !== null && (isText ? JSON.stringify(value) : shownValue(name, value))
  return `${name} ${value === null ? 'was not reported' : `is ${shown}`} (${expectedText(unmet)})`
}

/** Returns `expected <= 3x, usually 4m 0s`. Not yet safe to show. */
export function expectedText(unmet: Unmet): string {
  const { name, operator, bound, isRelative, usual, slots } = unmet
  const limit = isRelative ? `${bound}x` : name === 'duration' ? formatDuration(Number(bound)) : shownFact(bound)
  const each = isUpper(unmet) && slots > 1 && Number.isFinite(slots) ? ` for each of ${slots} slots` : ''
  return `expected ${operator} ${limit}${each}${usual === null ? '' : `, usually ${shownValue(name, usual)}`}`
}

function shownValue(name: string, value: Fact): string {
  return name === 'duration' ? elapsed(Number(value)) : shownFact(value)
}

function shownFact(value: Fact): string {
  return typeof value === 'number' ? String(value).replace(/(?<!\.\d*)\B(?=(\d{3})+(?!\d))/g, ',') : String(value)
}
