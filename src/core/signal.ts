/** The real-time signals of Linux, of which Node has no names. The C library keeps 32 and 33 for itself. */
const FIRST_REAL_TIME = 34
const LAST_REAL_TIME = 64
/** From here on names count down from the last one. */
const MIDDLE = 49

/** The name of a signal of Linux from 32 to 64 as `kill -l` prints it: `SIGRTMIN+6` for 40. */
export function realTimeSignalName(signal: number): string {
  if (signal < FIRST_REAL_TIME || signal > LAST_REAL_TIME) return `signal ${signal}`
  if (signal === FIRST_REAL_TIME) return 'SIGRTMIN'
  if (signal === LAST_REAL_TIME) return 'SIGRTMAX'
  return signal <= MIDDLE ? `SIGRTMIN+${signal - FIRST_REAL_TIME}` : `SIGRTMAX-${LAST_REAL_TIME - signal}`
}

/** The number of a signal that `realTimeSignalName` named; null for any other text. */
export function realTimeSignalNumber(name: string): number | null {
  for (let signal = 32; signal <= LAST_REAL_TIME; signal += 1) {
    if (realTimeSignalName(signal) === name) return signal
  }
  return null
}
