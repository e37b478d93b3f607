import { nearestFew } from '../../core/near.ts'
import type { Clock } from '../../process/clock.ts'
import { MissingTask, NO_TASK } from '../views/frame/missing.tsx'
import type { openReadings, View } from './answers.tsx'
import { type Reading, readableTasks } from './read/reading.ts'
import { shareAnswers } from './shared.ts'

/** How many names are compared. That many take up to 100 ms, in which nothing else runs. */
const MAX_NAMES = 10_000
const MAX_NEAR = 5

/** The names are read once for all viewers, so that many wrong addresses do not cost the ledger more than one. */
export function openMissingTasks(clock: Clock, reading: ReturnType<typeof openReadings>) {
  const sharedNames = shareAnswers<readonly string[]>(clock)
  return async (task: string, untilMs: number): Promise<View> => {
    const known = await sharedNames('names', () => reading(untilMs, [], readNames))
    const near = nearestFew(task, known, MAX_NEAR)
    const main = <MissingTask task={task} near={near} isEmpty={known.length === 0} />
    return { title: NO_TASK, main, moves: true, status: 404 }
  }
}

async function readNames(reading: Reading): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { task } of readableTasks(reading)) {
    names.push(task)
    if (names.length === MAX_NAMES) break
  }
  return names
}
