import { firstLine } from '../errors.ts'

// A checkpoint is a text that the batch saves. The next attempt of the same slot gets it, and continues from there.

export const MAX_CHECKPOINT_BYTES = 4_096

/**
 * Returns a function that reads a checkpoint from its bytes. Give it one byte more than the limit, if the file has that many.
 * Null: there is none, or it is empty. Undefined: it cannot be kept, and `warn` gets the reason the first time.
 */
export function checkpointReader(warn: (message: string) => void) {
  let hasWarned = false
  return (bytesOf: () => Uint8Array | null): string | null | undefined => {
    try {
      const bytes = bytesOf()
      return bytes === null ? null : readCheckpoint(bytes)
    } catch (error) {
      if (!hasWarned) warn(`the checkpoint of the batch is not kept: ${firstLine(error)}`)
      hasWarned = true
      return undefined
    }
  }
}

function readCheckpoint(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_CHECKPOINT_BYTES) throw new Error(`it has more than ${MAX_CHECKPOINT_BYTES} bytes`)
  const text = textOf(bytes)
  // PostgreSQL cannot keep the character NUL.
  if (text === null || text.includes('\0')) throw new Error('it is not text in UTF-8')
  return text === '' ? null : text
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
