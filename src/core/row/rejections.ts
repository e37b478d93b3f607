import type { Rejection, Rejections, Row } from '../types.ts'

/** How many of the first rejections are kept in full: enough to see the pattern, in a few KB. */
export const FIRST_REJECTIONS = 20

/** The run ids that are kept to recognise a note that is sent again. They take 7 KB at most. */
export const NOTED_RUN_IDS = 200

/** The rejections that a store keeps for `note`, separate from the owner's part of the row. */
export interface Notes extends Rejections {
  readonly rejectedBy: readonly string[]
}

export const NO_REJECTIONS: Rejections = { count: 0, refused: 0, otherCommands: 0, first: [], latest: null }
export const NO_NOTES: Notes = { ...NO_REJECTIONS, rejectedBy: [] }

export function isNoted(notes: Notes, runId: string): boolean {
  return notes.rejectedBy.includes(runId) || notes.latest?.runId === runId
}

export function addRejection(notes: Notes, rejection: Rejection): Notes {
  if (isNoted(notes, rejection.runId)) return notes
  const { count, refused, otherCommands, first, rejectedBy } = notes
  return {
    count: count + 1,
    refused: refused + refusalsIn([rejection]),
    otherCommands: otherCommands + (rejection.commandHash === undefined ? 0 : 1),
    first: count < FIRST_REJECTIONS ? [...first, rejection] : first,
    latest: rejection,
    rejectedBy: count < NOTED_RUN_IDS ? [...rejectedBy, rejection.runId] : rejectedBy,
  }
}

/** Returns the rejections that the row keeps: the first ones, and the latest one unless it is among them. */
export function keptRejections({ rejections: { first, latest } }: Pick<Row, 'rejections'>): readonly Rejection[] {
  return latest === null || first.some(({ runId }) => runId === latest.runId) ? first : [...first, latest]
}

/** Returns `3 (1 refused)`. The others are duplicates. */
export function rejectedWords({ count, refused }: Pick<Rejections, 'count' | 'refused'>, of = ''): string {
  return `${count}${of}${refused === 0 ? '' : ` (${refused} refused)`}`
}

export function refusalsIn(rejections: readonly Rejection[]): number {
  return rejections.filter(({ kind }) => kind === 'refused').length
}
