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
}
