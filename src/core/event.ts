import type { OtherPlace } from './row/other-place.ts'
import type { OverlapLock } from './row/overlap-lock.ts'
import type { Guards } from './row/policy.ts'
import type { ExpectedTimes, Suspension } from './task/task-record.ts'
import type { UnknownUpstream, UpstreamSlot } from './task/upstream.ts'
import type {
  AttemptRecord,
  DuplicateCause,
  Ending,
  EventTimeSource,
  Host,
  Instant,
  Place,
  RefusalCause,
  Row,
  ScheduleSpec,
  StoredRow,
  Survivor,
  Trigger,
  Window,
} from './types.ts'

/** Whether a rejection is recorded. If not, the slot has no row, or `detail` says what went wrong. */
export interface NoteResult {
  readonly noted: boolean
  readonly detail?: string
}

/** Only `recorded` is in the ledger for certain. */
export type FinishResult =
  | 'recorded'
  | 'lost'
  /** An operator resolved the slot while the run was alive. */
  | 'resolved'
  | 'deleted'
  | 'unanswered'

/** The result of writing the end of an attempt. A row that was deleted is not created again: any trigger may have started. */
export interface Finish {
  /** If it is `unanswered`, the end may be recorded, or may still be recorded later. */
  readonly finish: FinishResult
  readonly finishCause?: string
  /** Null if it is not certain that the end is recorded. */
  readonly row: Row | null
}

/** `taken`: by another run. `expired`: not renewed in time. `overlap`: another slot holds the overlap lock. */
export type LeaseLossCause = 'taken' | 'resolved' | 'deleted' | 'expired' | 'overlap'

/** The events that a run emits, one for each transition. The log and the metrics are made from these events. */
export type RunEvent =
  | { readonly event: 'claimed'; readonly attempt: AttemptRecord }
  /** `by`: the row of a later run that has the slot in its range. Left out: the slot has its own run. */
  | ({
      readonly event: 'duplicate'
      readonly cause: DuplicateCause
      readonly row: Row
      readonly by?: Row
      readonly otherPlace?: OtherPlace
      /** Its command line is not that of the attempt that has the slot. */
      readonly hasOtherCommand?: true
    } & NoteResult)
  | ({
      readonly event: 'refused'
      readonly cause: RefusalCause
      readonly row: StoredRow | null
      readonly survivor: Survivor | null
      readonly holder?: OverlapLock
      readonly by?: Row
      readonly missing?: UpstreamSlot
      readonly unknown?: UnknownUpstream
      readonly inForce?: ScheduleSpec
      readonly otherPlace?: OtherPlace
    } & NoteResult)
  | { readonly event: 'waiting'; readonly holder: OverlapLock }
  /** The run starts when this slot has completed, if that is within `leftMs`. */
  | { readonly event: 'waiting'; readonly missing: UpstreamSlot; readonly leftMs: number }
  /** Another slot of the task runs, and this slot is skipped. No later scheduled trigger runs it. */
  | ({ readonly event: 'skipped'; readonly holder: OverlapLock } & Finish)
  /** The run found missed slots, and starts these before its own slot, the oldest first. */
  | {
      readonly event: 'catch-up'
      readonly count: number
      readonly oldest: Instant
      readonly newest: Instant
      /** How many slots are left for a later run. */
      readonly left: number
    }
  /** The previous attempt failed. The same trigger starts this attempt after the delay. */
  | { readonly event: 'retry'; readonly attempt: number; readonly delayMs: number }
  | ({
      readonly event: 'ended'
      readonly attempt: AttemptRecord
      readonly ending: Ending
      readonly durationMs: number
      readonly detail?: string
      readonly retries?: true
    } & Finish)
  /** A stop came before the run sent any request to the ledger. */
  | { readonly event: 'stopped' }
  /** The claim was given up: no answer came, or a stop came first. `certain`: the slot is known to be free again. */
  | { readonly event: 'withdrawn'; readonly certain: boolean; readonly detail: string }
  /**
   * The ledger cannot be used, so nothing was started in the slot of this trigger. A catch-up may have run slots. `isDamagedRow`: an
   * earlier attempt may have done the work of the slot.
   */
  | { readonly event: 'unusable'; readonly detail: string; readonly isDamagedRow?: true }
  /** The first renewal that got no answer. The lease runs out unless a later renewal is answered. */
  | { readonly event: 'renewal-failed'; readonly detail: string }
  | { readonly event: 'renewal-recovered' }
  | { readonly event: 'lease-lost'; readonly cause: LeaseLossCause }
  /** The trigger has no event time, and a late delivery falls into the next window because windows are short. */
  | { readonly event: 'clock-event-time'; readonly windowMs: number }
  | {
      readonly event: 'schedule-mismatch'
      readonly eventTime: Instant
      readonly source: EventTimeSource
      /** A zone in which the event time would match: that of the variable `TZ`, or UTC. Left out if it would not. */
      readonly matchesIn?: string
    }
  /** The task is paused, so the trigger started nothing. The slot is recorded as skipped, if no attempt had started in it. */
  | ({
      readonly event: 'paused'
      readonly pause: Suspension
      /** Whether the slot is not marked as skipped, because an attempt had started in it. */
      readonly isKept: boolean
    } & Finish)
  /** The claim has made the ledger, which is a file. A slot that ran before, by another ledger, may run again. */
  | { readonly event: 'ledger-created'; readonly path: string }
  /** The task was retired, and this run has ended the retirement. */
  | { readonly event: 'revived'; readonly retirement: Suspension }
  | { readonly event: 'schedule-changed'; readonly before: ScheduleSpec; readonly after: ScheduleSpec }
  | { readonly event: 'warning'; readonly message: string }

export type EventOf<Name extends RunEvent['event']> = Extract<RunEvent, { event: Name }>

export interface RunContext {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly runId: string
  readonly trigger: Trigger
  readonly host: Host
  readonly place?: Place
  readonly commandHash?: string
  readonly store: string
  readonly guards: Guards
  /** How many attempts scheduled triggers may start. Left out: it is not known yet. */
  readonly maxAttempts?: number
  readonly owner?: string
  readonly expect?: string
  readonly expected?: Pick<ExpectedTimes, 'graceMs' | 'doneByMs'>
}
