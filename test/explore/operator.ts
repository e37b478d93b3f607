import { withPause } from '../../src/core/task/task-changes.ts'
import type { ScheduleSpec } from '../../src/core/types.ts'
import { Unanswered } from '../../src/run/ask.ts'
import { resolveSlot } from '../../src/run/resolve.ts'
import type { Settings } from '../../src/run/settings.ts'
import { changeTask, readChangeable } from '../../src/run/task/task-record.ts'
import type { WriteIo } from '../../src/run/write.ts'
import { DAY_MS, type HostPlan, slotOf, TASK } from './scenario.ts'

interface Scheduled {
  readonly schedule: ScheduleSpec
  readonly zoneData: string
}

export async function operatorAnswer(
  plan: HostPlan,
  scheduled: Scheduled,
  settings: Settings,
  io: WriteIo,
): Promise<string> {
  try {
    return plan.does === 'pause' ? await pauseTask(plan, settings, io) : await resolve(plan, scheduled, settings, io)
  } catch (error) {
    const { kind } = error as { kind?: string }
    if (kind === undefined) throw error
    return kind
  }
}

async function resolve(plan: HostPlan, scheduled: Scheduled, settings: Settings, io: WriteIo): Promise<string> {
  const slot = slotOf(plan)
  const resolution = {
    task: TASK,
    window: { slot, end: slot + DAY_MS },
    ...scheduled,
    runId: plan.name,
    state: plan.says ?? 'COMPLETED',
    by: 'operator',
    reason: plan.name,
    endedRun: plan.names ?? null,
  }
  const answer = resolveSlot(resolution, settings, { ...io, findSurvivor: () => null })
  const unanswered = (error: unknown) => {
    if (error instanceof Unanswered) return { kind: 'unanswered' }
    throw error
  }
  return (await answer.catch(unanswered)).kind
}

async function pauseTask({ name }: HostPlan, settings: Settings, io: WriteIo): Promise<'pauseSet'> {
  const changeIo = { ...io, signals: [], pageTimeoutMs: settings.ledgerTimeoutMs }
  const now = io.clock.now()
  const found = await readChangeable(TASK, changeIo)
  const pause = { from: now, until: null, at: now, by: 'operator', reason: name }
  const request = {
    task: TASK,
    what: 'the pause',
    change: (record: typeof found.record) => withPause(record, pause),
    isIn: ({ pauses }: typeof found.record) => pauses.some(({ reason }) => reason === name),
  }
  await changeTask(request, found, changeIo)
  return 'pauseSet'
}
