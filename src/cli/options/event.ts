import { readFile, stat } from 'node:fs/promises'
import { errorCode, firstLine, quote, usageError } from '../../core/errors.ts'

/** The limit of EventBridge for an entry. A longer text is not an event. */
const MAX_EVENT_BYTES = 1_048_576
/** An error of the system quotes the whole path, and a damaged event can be taken as a path. */
const MAX_REASON_LENGTH = 300
/** A program pipes the event in, so it arrives at once. Without this limit, a missing event would hang the run. */
const STDIN_TIMEOUT_MS = 10_000

/**
 * Returns the JSON that `--event` names: the value itself, a file, or `-` for standard input. A stop ends the wait for
 * standard input. Throws a usage error if the event cannot be read.
 */
export async function readEvent(value: string, stop: AbortSignal): Promise<string> {
  if (value.trimStart().startsWith('{')) return value
  return value === '-' ? readStdin(stop) : readEventFile(value)
}

async function readEventFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path).then((found) => {
      // We must refuse a pipe, otherwise the read could wait forever.
      if (!found.isFile()) throw new Error('it is not a file')
      return found
    })
    if (size > MAX_EVENT_BYTES) throw new Error(`it is longer than ${MAX_EVENT_BYTES} bytes`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && path.length <= MAX_REASON_LENGTH) {
      throw usageError(`--event ${quote(path)} is not JSON, and there is no file of that name.`)
    }
    throw usageError(`--event is neither JSON nor a readable file: ${firstLine(error).slice(0, MAX_REASON_LENGTH)}`)
  }
}

async function readStdin(stop: AbortSignal): Promise<string> {
  const { stdin } = process
  const tooLate = setTimeout(
    () => stdin.destroy(new Error(`nothing arrived within ${STDIN_TIMEOUT_MS / 1_000}s`)),
    STDIN_TIMEOUT_MS,
  )
  const stopped = () => stdin.destroy(new Error('cronledger was told to stop'))
  if (stop.aborted) stopped()
  else stop.addEventListener('abort', stopped, { once: true })
  let text = ''
  try {
    for await (const chunk of stdin.setEncoding('utf8')) {
      text += chunk
      if (text.length > MAX_EVENT_BYTES) throw new Error(`it is longer than ${MAX_EVENT_BYTES} bytes`)
    }
    return text
  } catch (error) {
    throw usageError(`--event - could not be read from standard input: ${firstLine(error)}`)
  } finally {
    clearTimeout(tooLate)
    stop.removeEventListener('abort', stopped)
  }
}
