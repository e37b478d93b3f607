import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { errorCode } from '../core/errors.ts'

/** After `unshare --pid` without a new /proc, it has other processes under the same numbers. Only Linux has it. */
export function hasOwnProc(): boolean {
  try {
    return readlinkSync('/proc/self') === String(process.pid)
  } catch {
    return false
  }
}

/** A part of /proc/PID/stat. */
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
  /** The low seven bits are the signal that killed a zombie. It is 0 if this process may not read it. */
  readonly waitStatus: number
}

/** Returns the current state of the process. Returns null if it has ended or is hidden, or if there is no /proc. */
export function readStat(pid: number): ProcessStat | null {
  try {
    return processStat(pid)
  } catch {
    return null
  }
}

function processStat(pid: number): ProcessStat | null {
  if (!hasOwnProc()) return null
  // The text may not be valid UTF-8, because the name may be cut in the middle of a character.
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
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
    waitStatus: Number(fields[49]),
  }
}

/** The errors of a system that has no file descriptor or no memory left. */
const SHORTAGES = ['EMFILE', 'ENFILE', 'ENOMEM']

/** `killer` is the signal that killed a process, or null if it exited or the signal is not known. */
export type Death = { readonly killer: number | null } | 'hidden' | 'unreadable'

/** Returns `hidden` if /proc does not show it, `unreadable` if descriptors or memory are short, and null while it runs. */
export function readDeath(pid: number): Death | null {
  try {
    const stat = processStat(pid)
    if (stat === null) return 'hidden'
    if (stat.living) return null
    const signal = stat.waitStatus & 0x7f
    return { killer: signal === 0 ? pendingKiller(pid) : signal }
  } catch (error) {
    return SHORTAGES.includes(errorCode(error) ?? '') ? 'unreadable' : 'hidden'
  }
}

/**
 * Returns the real-time signal that killed a zombie whose wait status the kernel hides: that of another user, or of a
 * program that must not be dumped. The signal is still pending. A process cannot exit normally with a pending signal
 * that it neither blocks, ignores nor handles. Throws the error of the system if /proc cannot be read.
 */
function pendingKiller(pid: number): number | null {
  if (mayLookInto(pid)) return null
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\t(.*)$`, 'm').exec(status)?.[1] ?? '0'}`)
  const deadly = (mask('SigPnd') | mask('ShdPnd')) & ~(mask('SigBlk') | mask('SigIgn') | mask('SigCgt'))
  for (let signal = 32; signal <= 64; signal += 1) {
    if ((deadly >> BigInt(signal - 1)) & 1n) return signal
  }
  return null
}

/** The kernel asks for the same right to show the wait status and to read this link (ptrace(2), access mode checks). */
function mayLookInto(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/ns/user`)
    return true
  } catch {
    return false
  }
}

/** Each variable is between NUL bytes. Returns null if the process has ended or this one may not read it. */
export function readEnvironment(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, 'latin1')
    return text === '' ? text : `\0${text}`
  } catch {
    return null
  }
}

/** Returns the pids of all processes that this one can see. */
export function processIds(): readonly number[] {
  if (!hasOwnProc()) return []
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}
