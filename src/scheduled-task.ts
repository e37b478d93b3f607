import type { Ledger, LedgerTask, TaskOptions } from './api.ts'
import { defined } from './core/objects.ts'
import { hasCompleted } from './core/row/attempts.ts'
import { readableRow } from './core/row/status.ts'
import { readSchedule } from './core/schedule/schedule-options.ts'
import { slotAfter } from './core/schedule/slot.ts'
import { checkTaskName } from './core/user-text.ts'
import { exitCodeOfSignal } from './exit-code.ts'
import { readSettings } from './run/settings.ts'

// A task of a program that has a timer of its own. The ledger decides about each tick, so the program keeps nothing itself.

const CHECKED_MS = 7 * 86_400_000

/** Throws a usage error if an option is wrong: a program must not learn that at three in the morning. */
export function scheduledTask(ledger: Omit<Ledger, 'task'>, options: TaskOptions): LedgerTask {
  const { task, signal } = options
  checkTaskName(task)
  readSettings(defined(options))
  const schedule = readSchedule(options)
  const stopping = signal === undefined ? stopOfProcess() : null
  const inOrder = <T>(start: (own: TaskOptions) => Promise<T>): Promise<T> =>
    stopping === null ? start(options) : stopping.during(start({ ...options, signal: stopping.signal }))
  return {
    run: (work) => inOrder((own) => ledger.run(own, work)),
    tick: (instant, work) => inOrder((own) => ledger.tryRun({ ...own, eventTime: instant }, work)),
    async since() {
      for await (const stored of ledger.history({ task })) {
        const row = readableRow(stored)
        if (row !== null && hasCompleted(row)) return new Date(row.slot)
      }
      return null
    },
    check(options = {}) {
      const until = new Date()
      return ledger.check({ since: new Date(until.getTime() - CHECKED_MS), until, ...options, task })
    },
    nextSlot(after = new Date()) {
      const next = slotAfter(schedule, after.getTime())
      return next === null ? null : new Date(next)
    },
  }
}

/** As `docker stop`, systemd and Kubernetes send it, and Ctrl-C. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

let installed: ReturnType<typeof installStop> | null = null

/** Aborts with the first stop signal of this process. The signal has its usual effect when the end of each run is recorded. */
function stopOfProcess() {
  installed ??= installStop()
  return installed
}

function installStop() {
  const controller = new AbortController()
  const runs = new Set<Promise<unknown>>()
  const stop = async (name: (typeof STOP_SIGNALS)[number]) => {
    controller.abort(new Error(`stopped by ${name}`))
    await Promise.allSettled(runs)
    // The other work of the program after its runs comes first, such as a line in its log. Listeners of its own end the program.
    setImmediate(() => {
      if (process.listenerCount(name) > 0) return
      // The kernel ignores a signal of PID 1 that has no listener.
      if (process.pid === 1) process.exit(exitCodeOfSignal(name))
      process.kill(process.pid, name)
    })
  }
  // A second signal has its usual effect at once: for a work that does not end.
  for (const name of STOP_SIGNALS) process.once(name, stop)
  return {
    signal: controller.signal,
    async during<T>(run: Promise<T>): Promise<T> {
      runs.add(run)
      try {
        return await run
      } finally {
        runs.delete(run)
      }
    },
  }
}
