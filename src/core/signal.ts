/** The real-time signals of Linux. Node has no names for them. The C library keeps 32 and 33 for itself. */
const FIRST_REAL_TIME = 34
const LAST_REAL_TIME = 64
/** Names count up from the first signal to this one. After it, names count down from the last signal. */
const MIDDLE = 49

/** Names a Linux signal as `kill -l` does: `SIGRTMIN+6` for 40. Any that is not a real-time one: `signal 32`. */
export function realTimeSignalName(signal: number): string {
  if (signal < FIRST_REAL_TIME || signal > LAST_REAL_TIME) return `signal ${signal}`
  if (signal === FIRST_REAL_TIME) return 'SIGRTMIN'
  if (signal === LAST_REAL_TIME) return 'SIGRTMAX'
  return signal <= MIDDLE ? `SIGRTMIN+${signal - FIRST_REAL_TIME}` : `SIGRTMAX-${LAST_REAL_TIME - signal}`
}

/** Returns the number of a signal that `realTimeSignalName` named, from 32 to 64. Returns null for any other text. */
export function realTimeSignalNumber(name: string): number | null {
  for (let signal = 32; signal <= LAST_REAL_TIME; signal += 1) {
    if (realTimeSignalName(signal) === name) return signal
  }
  return null
}
