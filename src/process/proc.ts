import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'

/** After `unshare --pid` without a new /proc, it has other processes under the same numbers. Only Linux has it. */
function hasOwnProc(): boolean {
  try {
    return readlinkSync('/proc/self') === String(process.pid)
  } catch {
    return false
  }
}

export interface ProcessStat {
  readonly pid: number
  /** The short name of the program, for display. It has up to 15 bytes, which may be any bytes. */
  readonly command: string
  /** False for a zombie, which has ended and waits until its parent reads its exit status. */
  readonly living: boolean
  readonly groupId: number
  readonly sessionId: number
  /** The start of the process in clock ticks since boot. */
  readonly startTicks: number
}

/** Returns the current state of the process. Returns null if it has ended or is hidden, or if there is no /proc. */
export function readStat(pid: number): ProcessStat | null {
  // The text may not be valid UTF-8, because the name may be cut in the middle of a character.
  const text = hasOwnProc() ? readLatin1(`/proc/${pid}/stat`) : null
  if (text === null) return null
  // The name may contain spaces and parentheses. The fields after it cannot.
  const nameEnd = text.lastIndexOf(')')
  // The fields from number 3 of proc_pid_stat(5) on.
  const fields = text.slice(nameEnd + 2).split(' ')
  const ended = fields[0] === 'Z' || fields[0] === 'X'
  // If the first thread ends before the others, it shows as a zombie while the process still works.
  const threads = Number(fields[17])
  return {
    pid,
    command: text.slice(text.indexOf('(') + 1, nameEnd),
    living: !ended || threads > 1,
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
    startTicks: Number(fields[19]),
  }
}

/** Each variable is between NUL bytes. Returns null if the process has ended or this one may not read it. */
export function readEnvironment(pid: number): string | null {
  const text = readLatin1(`/proc/${pid}/environ`)
  return text === null || text === '' ? text : `\0${text}`
}

const space = Buffer.alloc(16_384)

/** For a file without a size, `readFileSync` takes 64 kB, which is 5 MB where it reads one of each process of a host. */
function readLatin1(path: string): string | null {
  let file: number | null = null
  try {
    file = openSync(path, 'r')
    let text = ''
    for (;;) {
      const length = readSync(file, space)
      if (length === 0) return text
      text += space.toString('latin1', 0, length)
    }
  } catch {
    return null
  } finally {
    if (file !== null) closeSync(file)
  }
}

export function processIds(): readonly number[] {
  if (!hasOwnProc()) return []
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}
