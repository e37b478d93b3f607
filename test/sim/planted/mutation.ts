import type { Subject } from '../day.ts'

/** A planted bug: in `file`, the text `from` becomes `to`. */
export interface Mutation {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
  /** The scenario of the explorer that must find it. Left out: none can. */
  readonly scenario?: string
  /** False: the simulation need not find it. */
  readonly simulation?: false
  /** The subject of the days that are played. Left out: `slots` and `task`, because a day of `waits` takes ten times as long. */
  readonly subject?: Subject
}
