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
