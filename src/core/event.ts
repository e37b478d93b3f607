import type { OverlapLock } from './row/overlap-lock.ts'
import type { Guards } from './row/policy.ts'
import type {
  Attempt,
  DuplicateCause,
  Ending,
  EventTimeSource,
  Host,
  Instant,
  RefusalCause,
  Row,
  ScheduleSpec,
  StoredRow,
  Survivor,
  Trigger,
  Window,
} from './types.ts'

/** Whether a rejection is on record: not where there is no row, or where `detail` says what went wrong. */
export interface NoteResult {
  readonly noted: boolean
  readonly detail?: string
}

/** How the write of an attempt's end went. Only `recorded` is in the ledger for certain. */
export type FinishWord =
  | 'recorded'
  /** Another run owns the slot. */
  | 'lost'
  /** The row of the slot was deleted. */
  | 'deleted'
  | 'unanswered'

/** What a run tells while it goes: one event a transition. The log and the metrics are made from these. */
export type RunEvent =
  | { readonly event: 'claimed'; readonly attempt: Attempt }
  | ({ readonly event: 'duplicate'; readonly cause: DuplicateCause; readonly row: Row } & NoteResult)
  | ({
      readonly event: 'refused'
      readonly cause: RefusalCause
      readonly row: StoredRow | null
      readonly survivor: Survivor | null
      /** Whose turn it is, where slots must not overlap. */
      readonly holder?: OverlapLock
    } & NoteResult)
  /** Another slot of the task runs, and this one waits for it. */
  | { readonly event: 'waiting'; readonly holder: OverlapLock }
  /** Another slot of the task runs, and this one is given up for good. */
  | {
      readonly event: 'skipped'
      readonly holder: OverlapLock
      readonly finish: FinishWord
      readonly finishCause?: string
    }
  /** The attempt before failed, and the same trigger makes this one after the delay. */
  | { readonly event: 'retry'; readonly attempt: number; readonly delayMs: number }
  | {
      readonly event: 'ended'
      readonly attempt: Attempt
      readonly ending: Ending
      readonly durationMs: number
      readonly finish: FinishWord
      /** What the ledger said last, where the finish is unanswered. */
      readonly finishCause?: string
      /** Why the work ended so, in a line. */
      readonly detail?: string
    }
  /** Told to stop before anything was asked of the ledger. */
  | { readonly event: 'stopped' }
  /** The claim got no answer in time, or a stop came first: `certain` that the slot is free again, or not known. */
  | { readonly event: 'withdrawn'; readonly certain: boolean; readonly detail: string }
  /** The ledger cannot be used: no access, no such table. Nothing was asked of the slot, and nothing started. */
  | { readonly event: 'unusable'; readonly detail: string }
  /** The first renewal that got no answer; until one does, the lease runs out. */
  | { readonly event: 'renewal-failed'; readonly detail: string }
  | { readonly event: 'renewal-recovered' }
  | {
      readonly event: 'lease-lost'
      /**
       * Another run took the slot over, the row was deleted, the lease was not renewed in time, or another slot of the
       * task has the turn.
       */
      readonly cause: 'taken' | 'deleted' | 'expired' | 'turn'
    }
  /** Nobody gave an event time, and windows are so short that a late delivery lands in the next one. */
  | { readonly event: 'clock-event-time'; readonly windowMs: number }
  | { readonly event: 'schedule-mismatch'; readonly eventTime: Instant; readonly source: EventTimeSource }
  /** The registry had another schedule for this task. */
  | { readonly event: 'schedule-changed'; readonly before: ScheduleSpec; readonly after: ScheduleSpec }
  | { readonly event: 'warning'; readonly message: string }

/** What every event of one run has in common. */
export interface RunContext {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly runId: string
  readonly trigger: Trigger
  readonly host: Host
  /** How a person names the ledger. */
  readonly store: string
  readonly guards: Guards
}
