import { readFile } from 'node:fs/promises'
import { firstLine, usageError } from '../core/errors.ts'

/** EventBridge's own limit for an entry; what is longer is something else. */
const MAX_EVENT_BYTES = 1_048_576
/** An event is piped in by a program, not typed: one that does not come must not hang the run. */
const STDIN_TIMEOUT_MS = 10_000

/** The JSON that `--event` names: itself, a file, or `-` for standard input. */
export async function readEvent(value: string): Promise<string> {
  if (value.trimStart().startsWith('{')) return value
  const text = value === '-' ? await readStdin() : await readEventFile(value)
  if (Buffer.byteLength(text) > MAX_EVENT_BYTES) throw usageError(`the event is longer than ${MAX_EVENT_BYTES} bytes`)
  return text
}

async function readEventFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageError(`--event is neither JSON nor a file that can be read: ${firstLine(error)}`)
  }
}

async function readStdin(): Promise<string> {
  const timeout = AbortSignal.timeout(STDIN_TIMEOUT_MS)
  timeout.addEventListener('abort', () => process.stdin.destroy(new Error('timeout')))
  let text = ''
  try {
    for await (const chunk of process.stdin.setEncoding('utf8')) {
      text += chunk
      if (text.length > MAX_EVENT_BYTES) break
    }
  } catch (error) {
    throw usageError(
      `--event -: nothing to read on standard input within ${STDIN_TIMEOUT_MS / 1_000} s (${firstLine(error)})`,
    )
  }
  return text
}
