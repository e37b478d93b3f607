import type { KnownPlace } from '../../src/core/place.ts'
import type { Rerunnable } from '../../src/core/row/policy.ts'
import type { TaskRecord } from '../../src/core/task/task-record.ts'
import type { Row } from '../../src/core/types.ts'
import type { RunSettings } from '../../src/run/settings.ts'

// Everything that an outside observer sees. The observer knows the true time.

export interface Story {
  readonly runId: string
  readonly day: number
  readonly forced: boolean
  /** The statuses that its force names; null if it names none, or is no force. */
  readonly only: readonly Rerunnable[] | null
  /** When the operator asked for its force, by the clock of its host; infinite if it is no force. */
  askedMs: number
  /** When its supervisor is paused, in true time; null where it never is. `suspended`: its machine, its work with it. */
  readonly pause: { readonly fromMs: number; readonly toMs: number; readonly suspended: boolean } | null
  /** True time from which its supervisor is gone; infinite where it never is. */
  crashMs: number
  readonly stopMs: number
  /** The one answer that it gave, or the error's kind; null where it crashed before. */
  answer: Answer | null
  /** Each time that its work was started, and when that work was really over. */
  readonly works: Started[]
  readonly requests: RecordRequest[]
  readonly reads: RowRead[]
  /** Whether its force names no tasks that it comes after, on purpose. */
  readonly ignoresAfter: boolean
  readonly states: {
    readonly owner: string | null
    readonly zone: string
    readonly place: KnownPlace
    readonly refusesChange: boolean
  }
  /** Which slots its process catches up; null if it starts only its own. */
  readonly catchesUp: { readonly spanMs: number; readonly graceMs: number } | null
  readonly hasRange: boolean
  readonly lists: Listing[]
  /** The run whose process catches this slot up; null for a trigger. Its requests are those of the process. */
  readonly caughtUpBy: string | null
}

/** Returns a story of a scheduled run to which nothing happens. */
export const quietStory = (runId: string, day: number): Story => ({
  runId,
  day,
  forced: false,
  only: null,
  pause: null,
  answer: null,
  ignoresAfter: false,
  catchesUp: null,
  works: [],
  requests: [],
  reads: [],
  lists: [],
  hasRange: false,
  caughtUpBy: null,
  askedMs: Number.POSITIVE_INFINITY,
  crashMs: Number.POSITIVE_INFINITY,
  stopMs: Number.POSITIVE_INFINITY,
  states: { owner: null, zone: 'UTC', place: null, refusesChange: false },
})

interface Started {
  readonly attempt: number
  /** The number of the slot from which its work went on; null if it got none. */
  readonly since: number | null
  readonly startMs: number
  endMs: number
  readonly checkpoint: string | null
  succeeded: boolean
  /** The place of the start among all requests about the record. */
  readonly order: number
}

export interface Answer {
  readonly atMs: number
  readonly status: string
  readonly cause: string | null
  readonly outcome: string | null
  readonly recorded: boolean | null
  readonly noted: boolean
  /** It gave its claim up, and did not say that something of it may still land. */
  readonly withdrawn: boolean
  readonly pausedBy: string | null
}

export interface Write {
  readonly atMs: number
  readonly order: number
  readonly row: Row
}

export interface Listing {
  readonly sent: number
  answered: number
}

/** A read of the rows of a task from `since` to before `until`, as its host sees it. */
export interface RowRead {
  readonly task: string
  readonly since: number
  readonly until: number
  readonly sent: number
  /** Its place in the order when the answer arrived; infinite if none did. */
  answered: number
}

export interface RecordRequest {
  readonly verb: 'read' | 'write'
  readonly sentMs: number
  readonly sent: number
  /** Its place in the order when the answer arrived; infinite if none did. */
  answered: number
  conflict: boolean
}

export interface Version {
  readonly order: number
  readonly record: TaskRecord
  readonly by: string
}

export interface Checked {
  readonly atMs: number
  readonly order: number
  readonly found: readonly { readonly day: number; readonly kind: string }[]
}

/** An operator's change of the task: a pause, a resumption or a retirement. Its name is the reason on record. */
export interface OperatorChange {
  readonly kind: 'pause' | 'resume' | 'retire'
  readonly name: string
  /** `made`, `unneeded`, or the kind of the error. */
  answer: string | null
}

export interface Observed {
  readonly task: string
  readonly settings: RunSettings
  readonly firstMs: number
  readonly everyMs: number
  readonly stories: readonly Story[]
  readonly writes: ReadonlyMap<number, readonly Write[]>
  readonly finals: ReadonlyMap<number, Row | null>
  readonly words: ReadonlyArray<{ readonly day: number; readonly runId: string }>
  /** The runs that operators named as ended, by the run id of the resolution. Some of these runs were alive. */
  readonly named: ReadonlyMap<string, string>
  readonly isCalm: boolean
  readonly versions: readonly Version[]
  readonly changes: readonly OperatorChange[]
  /** What `check` said when the day was over, and again after the rerun of what the script lists. */
  readonly checks: readonly Checked[]
  readonly after: (Pick<RunSettings, 'after' | 'afterTimeoutMs'> & { readonly upstream: Observed }) | null
}
