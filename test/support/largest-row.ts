import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { MAX_ATTEMPTS, MAX_RESOLUTIONS, MAX_UNSTARTED } from '../../src/core/row/policy.ts'
import {
  beginAttempt,
  claimRow,
  finishRow,
  renewLease,
  resolveRow,
  withCheckpoint,
} from '../../src/core/row/transition.ts'
import type { EcsFacts, Rejection, Row, Trigger } from '../../src/core/types.ts'
import { FARGATE } from './aws/ecs.ts'

const SLOT = Date.parse('2026-11-24T03:00:00.000Z')
const text = (bytes: number) => '再'.repeat(Math.floor(bytes / 3)) + 'x'.repeat(bytes % 3)

const name = (bytes: number) => 'x'.repeat(bytes)

const RUN_ID = (index: number) => String(index).padStart(20, '0')
const USUAL_TRIGGER: Trigger = { kind: 'scheduled', eventTime: SLOT, source: 'event-time' }
const TRIGGER: Trigger = { kind: 'forced', by: text(200), reason: text(800) }
const PLACE = { host: text(64), ecsTask: name(400) }
/** Facts as long as they may be, of which the ARN of the task says nothing. */
const ECS: EcsFacts = {
  kind: 'ecs',
  region: name(40),
  cluster: name(40),
  taskDefinition: name(60),
  container: name(40),
  launchType: name(40),
  awsvpc: true,
  logGroup: name(47),
  logStream: name(47),
}
const ENDING = { outcome: 'interrupted', exitCode: 255, signal: 'SIGVTALRM', report: text(2_048) } as const
/** A boot id and a PID namespace. */
const PROCESS = { pid: 4_194_304, startTicks: 9_007_199_254_740_991, boot: `${'b'.repeat(36)} pid:[4026531836]` }

/** Returns the largest row that cronledger can write. Each list has its largest length, and so has each text. */
export function largestRow(task: string): Row {
  const stamp = (index: number) => ({ writeId: RUN_ID(index), now: SLOT + index * 1001 + 1 })
  const claim = {
    task,
    window: { slot: SLOT, end: SLOT + 86_400_000 },
    schedule: { expression: text(256), zone: 'America/Argentina/ComodRivadavia', anchor: SLOT + 1 },
    zoneData: '2026a',
    trigger: TRIGGER,
    host: PLACE,
    place: ECS,
    traceId: 'f'.repeat(32),
    phase: 'waiting',
    waitReason: 'retry',
    retentionMs: 36_525 * 86_400_000,
  } as const
  let row: Row | null = null
  for (let index = 0; index < MAX_ATTEMPTS + MAX_UNSTARTED; index += 1) {
    row = claimRow(row, { ...claim, runId: RUN_ID(index) }, stamp(index), 600_000)
    // The first attempts never start, and the row keeps all of them.
    if (index >= MAX_UNSTARTED) row = beginAttempt(row, stamp(index + 1), 600_000)
    row = renewLease(withCheckpoint(row, text(4_096)), stamp(index + 1), 600_000, PROCESS)
    row = finishRow(row, index < MAX_UNSTARTED ? { outcome: 'notStarted' } : ENDING, stamp(index + 2))
  }
  if (row === null) throw new Error('no attempts')
  const word = { ...claim, state: 'SKIPPED', by: text(200), reason: text(800) } as const
  for (let index = 0; index < MAX_RESOLUTIONS; index += 1) {
    row = resolveRow(row, { ...word, runId: RUN_ID(index) }, stamp(1_000 + index))
  }
  return row
}

export function usualRows(): readonly Row[] {
  const claim = {
    task: 'nightly',
    window: { slot: SLOT, end: SLOT + 86_400_000 },
    schedule: { expression: '0 3 * * *', zone: 'Asia/Tokyo' },
    zoneData: '2026a',
    runId: RUN_ID(1),
    trigger: USUAL_TRIGGER,
    ...FARGATE,
  }
  const mark = { pid: 17, startTicks: 123_456_789, boot: '6b0d0c2e:4026531836' }
  const claimed = claimRow(null, claim, { writeId: RUN_ID(2), now: SLOT + 19_001 }, 600_000)
  const renewed = renewLease(claimed, { writeId: RUN_ID(3), now: SLOT + 79_001 }, 600_000, mark)
  const ending = { outcome: 'succeeded', exitCode: 0 } as const
  return [claimed, renewed, finishRow(renewed, ending, { writeId: RUN_ID(4), now: SLOT + 408_001 })]
}

export function usualDuplicate(): Rejection {
  const at = SLOT + 600_001
  return { runId: RUN_ID(5), kind: 'duplicate', cause: 'completed', at, trigger: USUAL_TRIGGER, ...FARGATE.host }
}

export function largestRejection(index: number): Rejection {
  const at = SLOT + index * 1001 + 1
  return { runId: RUN_ID(index), kind: 'duplicate', cause: 'scheduleMismatch', at, trigger: TRIGGER, ...PLACE }
}

/** The size of an item in bytes, by the Developer Guide, "DynamoDB Item sizes and formats". */
export function sizeOf(item: Readonly<Record<string, AttributeValue>>): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value), 0)
}

function valueSize(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S)
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 1
  if (value.SS !== undefined) return value.SS.reduce((sum, one) => sum + Buffer.byteLength(one), 0)
  if (value.L !== undefined) return value.L.reduce((sum, one) => sum + valueSize(one) + 1, 3)
  if (value.M !== undefined) return sizeOf(value.M) + 3 + Object.keys(value.M).length
  throw new Error(`no size for ${JSON.stringify(value)}`)
}
