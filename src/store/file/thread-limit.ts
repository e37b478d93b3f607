import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { LedgerError } from '../../core/errors.ts'

/** A user with a larger limit rarely reaches it, and to count the threads of many processes takes too long. */
const LARGEST_COUNTED = 4_096

/**
 * Throws `denied` if the limits leave no room for the threads of SQLite's native library, which ends the whole process if
 * it gets none. It starts one for each CPU. The batch needs another thread and a process.
 */
export function checkThreadLimit(): void {
  const needed = availableParallelism() + 2
  const left = Math.min(leftOfUser(), leftOfContainer())
  if (left >= needed) return
  throw new LedgerError(
    'denied',
    `the ledger cannot be opened: ${Math.max(0, left)} more processes and threads are allowed, and cronledger needs ${needed}. Raise the limit (ulimit -u, or the pids limit of the container), or run fewer processes at a time.`,
  )
}

/** Returns how many processes and threads this user may still start. The limit does not hold for root. */
function leftOfUser(): number {
  const user = process.getuid?.()
  const limit = Number(/^Max processes +(\d+)/m.exec(read('/proc/self/limits'))?.[1] ?? Number.POSITIVE_INFINITY)
  if (user === 0 || limit > LARGEST_COUNTED) return Number.POSITIVE_INFINITY
  const own = new RegExp(`^Uid:\t${user}\t[^]*^Threads:\t(\\d+)$`, 'm')
  const threads = readdirSync('/proc').map((name) =>
    /^\d/.test(name) ? own.exec(read(`/proc/${name}/status`))?.[1] : 0,
  )
  return limit - threads.reduce<number>((sum, count) => sum + Number(count ?? 0), 0)
}

/** Returns how many processes and threads the container may still start. On a host, these files do not exist. */
function leftOfContainer(): number {
  const limit = read('/sys/fs/cgroup/pids.max')
  return /^\d/.test(limit) ? Number(limit) - Number(read('/sys/fs/cgroup/pids.current')) : Number.POSITIVE_INFINITY
}

/** Returns the text of a file of the kernel, or an empty text if it cannot be read. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
