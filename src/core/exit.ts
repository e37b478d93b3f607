/** The exit codes of cronledger itself, after sysexits.h. Each kind of a `LedgerError` has the code of the same name. */
export const EXIT = {
  ok: 0,
  /** `check` found something, so that it can be used as a dead man's switch. */
  found: 1,
  /** `show` has nothing to show, so that `if cronledger show …` tests whether anything is recorded. */
  noRow: 1,
  /** A work without an exit code of its own failed. Node exits with the same after an error that is not caught. */
  failed: 1,
  usage: 64,
  refused: 65,
  bug: 70,
  leaseLost: 73,
  unrecorded: 74,
  unreachable: 75,
  denied: 77,
  shape: 78,
  timedOut: 124,
  notExecutable: 126,
  notFound: 127,
  /** And the number of the signal, as in shells. */
  signal: 128,
} as const
