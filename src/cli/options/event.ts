import { readFile, stat } from 'node:fs/promises'
import { errorCode, firstLine, quote, usageError } from '../../core/errors.ts'
import { onAbort } from '../../process/clock.ts'

/** The limit of EventBridge for an entry. A longer text is not an event. */
const MAX_EVENT_BYTES = 1_048_576
/** A program pipes the event in, so it arrives at once. Without this limit, a missing event would hang the run. */
const STDIN_TIMEOUT_MS = 10_000

/** Returns the value, or the text of `@FILE` or standard input (`-`), whose wait ends with a stop. Throws a usage error. */
export async function readEventTime(value: string, stop: AbortSignal): Promise<string> {
  if (value === '-') return (await readStdin(stop)).trim()
  return value.startsWith('@') ? (await readEventFile(value.slice(1))).trim() : value
}

async function readEventFile(path: string): Promise<string> {
  try {
    const found = await stat(path)
    // We must refuse a pipe, otherwise the read could wait forever.
    if (!found.isFile()) throw new Error('it is not a file')
    if (found.size > MAX_EVENT_BYTES) throw new Error(`it is longer than ${MAX_EVENT_BYTES} bytes`)
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = errorCode(error) === 'ENOENT' ? 'there is no such file' : firstLine(error)
    throw usageError(`--event-time ${quote(`@${path}`)} cannot be read: ${reason}.`)
  }
}

async function readStdin(stop: AbortSignal): Promise<string> {
  const { stdin } = process
  const tooLate = setTimeout(
    () => stdin.destroy(new Error(`nothing arrived within ${STDIN_TIMEOUT_MS / 1_000}s`)),
    STDIN_TIMEOUT_MS,
  )
  const unlink = onAbort(stop, () => stdin.destroy(new Error('cronledger was told to stop')))
  let text = ''
  try {
    for await (const chunk of stdin.setEncoding('utf8')) {
      text += chunk
      if (text.length > MAX_EVENT_BYTES) throw new Error(`it is longer than ${MAX_EVENT_BYTES} bytes`)
    }
    return text
  } catch (error) {
    throw usageError(`--event-time - could not be read from standard input: ${firstLine(error)}`)
  } finally {
    clearTimeout(tooLate)
    unlink()
  }
}
