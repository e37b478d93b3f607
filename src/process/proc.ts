import { readdirSync, readFileSync } from 'node:fs'

/** What /proc/PID/stat says of a process. */
export interface ProcessStat {
  readonly pid: number
  /** The program's short name, for people: 15 bytes at most, any of them. */
  readonly command: string
  /** False for a zombie: it has ended, and only waits for its parent to take note. */
  readonly living: boolean
  readonly groupId: number
  /** Start of the process in clock ticks since boot. */
  readonly startTicks: number
  /** The low seven bits are the signal that killed a zombie; 0 where this process may not look into it. */
  readonly waitStatus: number
}

/** The process as it is now; null when it is gone or hidden, and where there is no /proc. */
export function readStat(pid: number): ProcessStat | null {
  let text: string
  try {
    // Not UTF-8: the name may be cut in the middle of a character.
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null
  }
  // The name may hold spaces and parentheses, the fields after it cannot.
  const nameEnd = text.lastIndexOf(')')
  // From field 3 of proc_pid_stat(5) on.
  const fields = text.slice(nameEnd + 2).split(' ')
  const ended = fields[0] === 'Z' || fields[0] === 'X'
  // A first thread that ended before the others shows as a zombie while the process works on.
  const threads = Number(fields[17])
  return {
    pid,
    command: text.slice(text.indexOf('(') + 1, nameEnd),
    living: !ended || threads > 1,
    groupId: Number(fields[2]),
    startTicks: Number(fields[19]),
    waitStatus: Number(fields[49]),
  }
}

/**
 * Whether the process has ended, its parent having taken no note of that yet; then with the signal that killed it, where
 * /proc tells. Null while it runs.
 */
export function readDeath(pid: number): { readonly killer: number | null } | null {
  const stat = readStat(pid)
  // Hidden, or there is no /proc: nothing more can be known.
  if (stat === null) return { killer: null }
  if (stat.living) return null
  const signal = stat.waitStatus & 0x7f
  return { killer: signal === 0 ? pendingKiller(pid) : signal }
}

/**
 * The real-time signal that killed a zombie of another user, whose wait status the kernel hides. The signal is still
 * pending. A process cannot exit by itself with a pending signal that it neither blocks, ignores nor handles.
 */
function pendingKiller(pid: number): number | null {
  const status = readStatus(pid)
  const own = readStatus('self')
  if (status === null || own === null) return null
  const isOther = ['Uid', 'Gid'].some((name) => status.get(name) !== own.get(name))
  if (!isOther) return null
  const mask = (name: string) => BigInt(`0x${status.get(name) ?? '0'}`)
  const deadly = (mask('SigPnd') | mask('ShdPnd')) & ~(mask('SigBlk') | mask('SigIgn') | mask('SigCgt'))
  for (let signal = 32; signal <= 64; signal += 1) {
    if ((deadly >> BigInt(signal - 1)) & 1n) return signal
  }
  return null
}

function readStatus(pid: number | 'self'): Map<string, string> | null {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, 'latin1').split('\n')
    return new Map(lines.map((line) => line.split(':\t', 2) as [string, string]))
  } catch {
    return null
  }
}

/** All processes that this one can see; none where there is no /proc. */
export function processIds(): readonly number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}
