import { DAY_MS } from '../duration.ts'
import { quote, usageError } from '../errors.ts'
import { isKeyOf } from '../objects.ts'
import { type Instant, type RefusalCause, type ResolvedState, STATUSES, type Survivor } from '../types.ts'

/** The most attempts that started in a slot, forced ones too. A row must stay below 400 KB for DynamoDB. */
export const MAX_ATTEMPTS = 100

/** A row lists only this many of the attempts that never started, the latest ones. The others are counted. */
export const MAX_UNSTARTED = 10

/** Only this many of the newest reports of the batch are kept in a row, which must stay small. */
export const MAX_REPORTS = 3

/** The most resolutions of one slot. Only a program would need more, and a row must stay small. */
export const MAX_RESOLUTIONS = 100

export interface Policy {
  /** 1 to 100. With 1, a batch that failed half-way is never started again automatically. */
  readonly maxAttempts: number
  /** How many milliseconds after its slot a scheduled trigger may start. Null: without a limit. */
  readonly maxLatenessMs: number | null
  /** The largest difference between the clocks of two hosts, in milliseconds. */
  readonly skewMs: number
  /** A force starts nothing in a slot with another status. Left out: every status but `completed`. */
  readonly forceStatus?: readonly Rerunnable[]
  /** The slot is one of a range: if it was completed since, the force is a duplicate and is not refused. */
  readonly forceOfRange?: true
  /** A force does nothing if an attempt began after this, because the operator did not know of it. */
  readonly forceAskedAt?: Instant
}

/** The options that protect a run from others, where they are not the defaults. A command that runs it again repeats them. */
export interface Guards {
  readonly overlap?: 'skip' | 'wait'
  /** The batch must not outlive the lease, because other runs may take the slot over when the lease has run out. */
  readonly onLeaseLost?: 'stop'
  readonly skewMs?: number
  /** The statuses that `--status` names, if `completed` is one of them: a run again then needs it as well. */
  readonly only?: readonly Rerunnable[]
}

export interface RetryPolicy {
  /** The delay before the first retry, in milliseconds. With null, the trigger does not retry. */
  readonly retryDelayMs: number | null
  readonly retryBackoff: number
}

/** Far above the error of a clock that NTP keeps. */
export const DEFAULT_SKEW_MS = 30_000

/** A daily batch is due again after this long. */
export const LONGEST_RETRY_DELAY_MS = DAY_MS

export function delayBeforeRetryMs({ retryDelayMs, retryBackoff }: RetryPolicy, retry: number): number {
  return Math.min((retryDelayMs ?? 0) * retryBackoff ** (retry - 1), LONGEST_RETRY_DELAY_MS)
}

export interface Facts {
  readonly now: number
  /** A process on this host that belongs to an attempt which never reported its end. */
  readonly survivor: Survivor | null
  /** A reason to refuse that comes from the trigger itself, regardless of the row. */
  readonly objection: Extract<RefusalCause, 'scheduleMismatch'> | null
  /** The attempt that has the slot is of another AWS account, and the caller does not accept that. */
  readonly isOtherAccount?: boolean
  /** The slot may lie in the range of a later run (`--since-last-success`). */
  readonly hasRanges?: boolean
  /** A later run has done the work of the slot. */
  readonly isCovered?: boolean
}

const REMARK_WORDS = ['unusual', 'late'] as const

/** The words of `--status`. Each command takes those that it can select. */
export const STATUS_WORDS = [...STATUSES, ...REMARK_WORDS] as const
type StatusWord = (typeof STATUS_WORDS)[number]

/** `completed`: it completed once, also if a later force failed. */
export const RERUNNABLE = ['missed', 'failed', 'stale', 'completed', 'skipped'] as const satisfies readonly StatusWord[]
export type Rerunnable = (typeof RERUNNABLE)[number]

/** The statuses that a range runs by default. An operator decided about a skipped slot, so it is left out. */
export const DEFAULT_RERUNNABLE: readonly Rerunnable[] = ['missed', 'failed', 'stale']

/** The statuses for which a force of one slot is meant by default. The operator names the slot, so it may be skipped. */
export const DEFAULT_FORCED: readonly Rerunnable[] = [...DEFAULT_RERUNNABLE, 'skipped']

/** The words by which a range selects slots. A decision can also settle those that completed, and only need a look. */
export const SELECTABLE = [...RERUNNABLE, ...REMARK_WORDS] as const
export type Selectable = (typeof SELECTABLE)[number]

export function readRerunnable(words: readonly string[]): readonly Rerunnable[] {
  return readWords(words, RERUNNABLE)
}

export function readSelectable(words: readonly string[]): readonly Selectable[] {
  return readWords(words, SELECTABLE)
}

function readWords<Word extends string>(words: readonly string[], all: readonly Word[]): readonly Word[] {
  const known = words.map((word) => {
    const name = all.find((one) => one === word)
    if (name === undefined)
      throw usageError(`status ${quote(word)} is not allowed. Use ${all.slice(0, -1).join(', ')} or ${all.at(-1)}.`)
    return name
  })
  return [...new Set(known)]
}

export const RESOLVED_STATE = { completed: 'COMPLETED', failed: 'FAILED', skipped: 'SKIPPED' } as const

export function readResolvedState(word: string): ResolvedState {
  if (isKeyOf(word, RESOLVED_STATE)) return RESOLVED_STATE[word]
  throw usageError(`state ${quote(String(word))} is not allowed. Use completed, failed or skipped.`)
}
