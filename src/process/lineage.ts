import { type ProcessStat, processIds, readStat, readUsers } from './proc.ts'

/**
 * The descendants of a batch outside its process group. The kernel forgets whose descendant a process is when its parent
 * ends, so they must be seen before that.
 */
export interface Lineage {
  /** Looks at all processes, and remembers the descendants of the batch. */
  look(): void
  /** Remembers a process that is known to be a part of the batch, and with it its children and its session. */
  add(process: ProcessStat): void
  /** Returns whether the process was seen as a descendant, or is in a session that began with the batch or with one. */
  has(process: ProcessStat): boolean
  /**
   * Returns the descendants that still run as another user than this process, parents before their children. A program such as `sudo` started them and
   * waits for them: they are the batch, although its environment and its session are new.
   */
  strangers(): readonly number[]
}

/** `batch` is the pid of the batch, which leads a group and a session of its own. */
export function openLineage(batch: number): Lineage {
  const startTicks = new Map<number, number>()
  const isKnown = (stat: ProcessStat) => startTicks.get(stat.pid) === stat.startTicks
  const has = (stat: ProcessStat) =>
    isKnown(stat) || stat.sessionId === batch || startTicks.has(stat.sessionId) || startTicks.has(stat.parentId)
  const add = (stat: ProcessStat): void => void startTicks.set(stat.pid, stat.startTicks)
  return {
    add,
    look() {
      const stats = processIds().flatMap((pid) => readStat(pid) ?? [])
      let size: number
      // A child may come before its parent in the list, so we must look until no more are found.
      do {
        size = startTicks.size
        for (const stat of stats) {
          if (stat.pid !== batch && (has(stat) || stat.parentId === batch)) add(stat)
        }
      } while (startTicks.size > size)
    },
    has,
    strangers() {
      const own = process.getuid?.()
      return [...startTicks.keys()].filter((pid) => {
        const stat = readStat(pid)
        if (stat?.living !== true || !isKnown(stat) || stat.groupId === batch) return false
        return readUsers(pid).some((user) => user !== own)
      })
    },
  }
}
