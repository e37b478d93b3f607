import type { Rejection, Rejections } from '../types.ts'

/** Rejections kept in full from the first on: enough to see the pattern, and at most some KB beside the owner's part. */
export const FIRST_REJECTIONS = 20

/**
 * Run ids kept to tell a note that is sent again from a new one (7 KB at most). Past them only the latest run id is
 * compared: two triggers whose notes are both sent again in turn could then count twice.
 */
export const NOTED_RUN_IDS = 200

/** What a store keeps for `note`, apart from the owner's part of the row. */
export interface Notes extends Rejections {
  /** Run ids of the first `NOTED_RUN_IDS` rejections. */
  readonly rejectedBy: readonly string[]
}

export const NO_REJECTIONS: Rejections = { count: 0, refused: 0, first: [], latest: null }
export const NO_NOTES: Notes = { ...NO_REJECTIONS, rejectedBy: [] }

/** Is the rejection of this run on record already? */
export function isNoted(notes: Notes, runId: string): boolean {
  return notes.rejectedBy.includes(runId) || notes.latest?.runId === runId
}

/** The notes with one more rejection; the same ones where its run id is on record already. */
export function addRejection(notes: Notes, rejection: Rejection): Notes {
  if (isNoted(notes, rejection.runId)) return notes
  const { count, refused, first, rejectedBy } = notes
  return {
    count: count + 1,
    refused: refused + refusalsIn([rejection]),
    first: count < FIRST_REJECTIONS ? [...first, rejection] : first,
    latest: rejection,
    rejectedBy: count < NOTED_RUN_IDS ? [...rejectedBy, rejection.runId] : rejectedBy,
  }
}

export function refusalsIn(rejections: readonly Rejection[]): number {
  return rejections.filter(({ kind }) => kind === 'refused').length
}
