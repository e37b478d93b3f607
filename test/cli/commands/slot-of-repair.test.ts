import { describe, expect, test } from 'vitest'
import { runLanes } from '../../../src/cli/commands/rerun/lanes.ts'
import { runSlot, type SlotEnd } from '../../../src/cli/commands/rerun/slot.ts'
import { LedgerError } from '../../../src/core/errors.ts'
import type { Row } from '../../../src/core/types.ts'
import { type PlannedStep, selectedSlot } from '../../../src/format/rerun/plan.ts'
import { planSteps } from '../../../src/verdict/repair-plan.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { ON_KUBERNETES } from '../../support/places.ts'
import { FAILED, FORCE, FORCED, judgedAt, NOW, rowWith, SUCCEEDED } from '../../support/rows.ts'

// The run of one slot of a repair, and of its lanes, with a clock, a ledger, and an aws and a kubectl that answer as documented.

const ARN = 'arn:aws:ecs:ap-northeast-1:123456789012:task/batch/0123456789abcdef0123456789abcdef'
const network = '{"awsvpcConfiguration":{"subnets":["subnet-1"]}}'
const ON_ECS = { ...FARGATE.place, network }
/** A slot without a row is missed by then. */
const LATER = NOW + 3_600_000

function stepOn(place: PlannedStep['place'], row: Row | null = null, task = 'nightly', at = 0): PlannedStep {
  const judged = judgedAt(LATER, row)
  const one = selectedSlot({ ...judged, task, slot: judged.slot + at }, 'missed')
  return { ...one, place, options: { reason: 'x' }, after: [] }
}

/** Returns a row whose last attempt ran as a task of ECS. */
function ofTask(row: Row, ecsTask = ARN): Row {
  const last = row.attempts.length - 1
  const attempts = row.attempts.map((one, index) => (index === last ? { ...one, ecsTask } : one))
  return { ...row, attempts } as Row
}

interface Answer {
  readonly code?: number | null
  readonly stdout?: string
  readonly stderr?: string
}
const json = (value: unknown): Answer => ({ stdout: JSON.stringify(value) })
const STARTED = json({ tasks: [{ taskArn: ARN }], failures: [] })
const refusedBy = (reason: string) => json({ tasks: [], failures: [{ reason }] })
const EXPIRED: Answer = {
  code: 254,
  stderr:
    '\nAn error occurred (ExpiredTokenException) when calling the DescribeTasks operation: The security token included in the request is expired\n',
}
const THROTTLED: Answer = {
  code: 254,
  stderr:
    '\nAn error occurred (ThrottlingException) when calling the RunTask operation (reached max retries: 2): Rate exceeded\n',
}
const stopped = (containers: readonly object[], stoppedReason = 'Essential container in task exited') =>
  json({ tasks: [{ taskArn: ARN, lastStatus: 'STOPPED', stoppedReason, containers }], failures: [] })
const is = (lastStatus: string, more = {}) => json({ tasks: [{ taskArn: ARN, lastStatus, containers: [], ...more }] })
const GONE = json({ tasks: [], failures: [{ arn: ARN, reason: 'MISSING' }] })

interface World {
  readonly step?: PlannedStep
  /** The answers of the tool, by its verb. The last one is given again and again. */
  readonly answers: Readonly<Record<string, readonly Answer[]>>
  /** The rows that are read, one after the other. `away`: the ledger does not answer. */
  readonly rows: readonly (Row | null | 'away')[]
}

async function play({ step = stepOn(ON_ECS), answers, rows }: World) {
  let now = 0
  let reads = 0
  const said: string[] = []
  const asked: string[][] = []
  const counts = new Map<string, number>()
  const end = await runSlot(step, {
    clock: {
      now: () => NOW + now,
      monotonicMs: () => now,
      async wait(ms) {
        now += ms
      },
    },
    async ask(words) {
      asked.push([...words])
      const verb = words[0] === 'aws' ? (words[2] ?? '') : [words[1], words[2]?.replace(/^--.*/, '')].join(' ').trim()
      const count = counts.get(verb) ?? 0
      counts.set(verb, count + 1)
      const { code = 0, stdout = '', stderr = '' } = answers[verb]?.[count] ?? answers[verb]?.at(-1) ?? { code: 1 }
      return { code, stdout, stderr }
    },
    async read() {
      const row = rows[Math.min(reads++, rows.length - 1)]
      if (row === 'away') throw new LedgerError('unreachable', 'the ledger cannot be reached.')
      return judgedAt(LATER + now, row ?? null)
    },
    startHere: async () => expect.unreachable(),
    say: (_, text) => said.push(text),
    plan: { id: 'p', store: 'file:a.db', only: ['missed', 'failed'] },
    stop: new AbortController().signal,
  })
  return {
    end,
    said,
    asked,
    minutes: now / 60_000,
    tokens: asked.flatMap((words) => words.find((one) => one.startsWith('--client-token=')) ?? []),
  }
}

const done = ofTask(rowWith({ trigger: FORCED, ending: SUCCEEDED }))
const failed = ofTask(rowWith({ trigger: FORCED, ending: FAILED }))
const alive = (row: Row) => ({ ...row, leaseUntil: LATER + 86_400_000 }) as Row
const running = alive(ofTask(rowWith({ trigger: FORCED })))

/** Plays a slot on ECS, with what `run-task` and `describe-tasks` answer, and with its rows. */
const onEcs = (start: readonly Answer[], look: readonly Answer[], ...rows: World['rows']) =>
  play({ answers: { 'run-task': start, 'describe-tasks': look }, rows })

describe('a slot on ECS', () => {
  const RUNNING = [is('RUNNING')]
  const FULL = refusedBy('RESOURCE:MEMORY')
  const LOST = { code: null }

  test('its end is that of its row: completed, or failed with its exit code; each value is a word of its own', async () => {
    const { end, asked, said } = await onEcs([STARTED], RUNNING, null, running, done)
    expect([end, said]).toEqual([{ kind: 'done', byOthers: false }, [`started ${ARN}`]])
    expect(asked[0]?.every((word) => /^(?:aws|ecs|run-task|--[a-z-]+=.*)$/s.test(word))).toBe(true)
    const other = await onEcs([STARTED], RUNNING, null, running, failed)
    expect(other.end).toEqual({ kind: 'failed', exitCode: 3, why: 'exit code 3' })
  })

  test('no capacity, with success as exit code: it is tried again as a new task, and other reasons are final', async () => {
    const { end, tokens, said } = await onEcs([FULL, FULL, STARTED], RUNNING, null, done)
    expect([end.kind, new Set(tokens).size]).toEqual(['done', 3])
    expect(said[0]).toBe('not started: ECS started nothing: RESOURCE:MEMORY. Trying again')
    const never = (await onEcs([FULL], [], null)).end
    const why = expect.stringContaining('after 10 tries: ECS started nothing: RESOURCE:MEMORY')
    expect(never).toMatchObject({ kind: 'failed', why })
    const final = (await onEcs([refusedBy('ATTRIBUTE')], [], null)).end
    expect(final).toMatchObject({ kind: 'failed', exitCode: 1 })
  })

  test('throttled, or an answer that is lost: it is tried again with the same token, so that no second task starts', async () => {
    const { end, tokens } = await onEcs([THROTTLED, LOST, STARTED], RUNNING, null, done)
    expect([end.kind, tokens.length, new Set(tokens).size]).toEqual(['done', 3, 1])
    const { end: unsure } = await onEcs([LOST], [], null)
    expect(unsure).toMatchObject({ kind: 'unknown', why: expect.stringContaining('not known whether it was started') })
  })

  test('an expired sign-in before the start is a failure at once', async () => {
    const { end } = await onEcs([EXPIRED], [], null)
    expect(end).toMatchObject({ kind: 'failed', why: expect.stringMatching(/^not started: .*ExpiredTokenException/) })
  })

  test('a sign-in that expires while it runs: the ledger says how it ended; if it says nothing either, that is not known', async () => {
    expect((await onEcs([STARTED], [EXPIRED], null, null, 'away', running, done)).end.kind).toBe('done')
    const { end, said, minutes } = await onEcs([STARTED], [EXPIRED], null)
    expect(end).toEqual({ kind: 'unknown', why: `no answer about ${ARN} for 10m 0s` })
    expect(said.join()).toMatch(/no answer about arn:.*: .*ExpiredTokenException.*\. Asking again/)
    expect(minutes).toBeLessThan(11)
    expect((await onEcs([STARTED], [EXPIRED], null, 'away')).end.kind).toBe('unknown')
  })

  test('a container that ends without a row: its own exit code and reason, not those of another container', async () => {
    const sidecar = { name: 'aws-guardduty-agent', exitCode: 0 }
    const ended = async (own: object, row: Row | null = null, reason?: string) =>
      (await onEcs([STARTED], [is('PENDING'), stopped([sidecar, { name: 'batch', ...own }], reason)], null, row)).end
    expect(await ended({ exitCode: 64 })).toEqual({
      kind: 'failed',
      exitCode: 64,
      why: `${ARN} ended with exit code 64 and recorded no end: Essential container in task exited`,
    })
    const why = `${ARN} ended without an exit code and recorded no end: CannotPullContainerError: not found`
    expect(await ended({}, null, 'CannotPullContainerError: not found')).toMatchObject({ exitCode: 1, why })
    // It was killed in the middle, and its lease still holds.
    const killed = await ended({ exitCode: 137, reason: 'OutOfMemoryError' }, running)
    expect(killed).toMatchObject({ kind: 'failed', exitCode: 137, why: expect.stringContaining('OutOfMemoryError') })
  })

  test('stopped tasks vanish: the row decides, and without one the end is not known', async () => {
    expect((await onEcs([STARTED], [GONE], null, done)).end).toEqual({ kind: 'done', byOthers: false })
    const { end } = await onEcs([STARTED], [GONE], null)
    expect(end).toMatchObject({ kind: 'unknown', why: expect.stringContaining(ARN) })
  })

  test('a batch of many hours is waited for, and a task that does not begin is said after a minute', async () => {
    const hours = Array<Row>(5_000).fill(running)
    const long = await onEcs([STARTED], RUNNING, null, ...hours, done)
    expect([long.end.kind, long.minutes > 120]).toEqual(['done', true])
    const pending = Array<Answer>(40).fill(is('PENDING', { stoppedReason: 'waiting for an image' }))
    const { said } = await onEcs([STARTED], [...pending, ...RUNNING], ...Array<null>(41).fill(null), done)
    expect(said.at(-1)).toMatch(/^arn:.* has not begun after 1m .*: waiting for an image$/)
  })

  test('a slot that another run has is waited for and not started: done, or failed as its row says', async () => {
    const other = alive(rowWith({}))
    const ended = (ending: typeof FAILED) => rowWith({ ending })
    for (const [rows, end] of [
      [[other, other, ended(SUCCEEDED)], { kind: 'done', byOthers: true }],
      [[other, ended(FAILED)], { kind: 'failed', exitCode: 3 }],
      [['away', other, ended(SUCCEEDED)], { kind: 'done' }],
      [['away'], { kind: 'unknown', why: expect.stringContaining('nothing was started') }],
    ] as const) {
      const played = await onEcs([], [], ...rows)
      expect([played.end, played.asked]).toEqual([expect.objectContaining(end), []])
    }
  })

  // promise: plan-runs
  test('an attempt without a place is its own only by the id of the plan, not by the person and the reason', async () => {
    const endOf = async (plan: string, ending: typeof FAILED) => {
      const ended = rowWith({ trigger: { kind: 'forced', ...FORCE, plan }, ending })
      return (await onEcs([STARTED], [stopped([{ name: 'batch', exitCode: 3 }])], null, ended)).end
    }
    expect(await endOf('p', SUCCEEDED)).toEqual({ kind: 'done', byOthers: false })
    expect(await endOf('q', SUCCEEDED)).toEqual({ kind: 'done', byOthers: true })
    expect(await endOf('p', FAILED)).toEqual({ kind: 'failed', exitCode: 3, why: 'exit code 3' })
    expect(await endOf('q', FAILED)).toMatchObject({ why: expect.stringContaining('exit code 3 in another run at ') })
  })

  test('the run on a place gets the id of the plan as a variable', async () => {
    const { asked } = await onEcs([STARTED], RUNNING, null, done)
    expect(asked[0]?.find((word) => word.startsWith('--overrides='))).toContain(
      '{"name":"CRONLEDGER_PLAN","value":"p"}',
    )
  })
})

describe('a slot on Kubernetes', () => {
  const step = stepOn(ON_KUBERNETES)
  const env = [
    { name: 'CRONLEDGER_EVENT_TIME', value: 'x' },
    { name: 'A', value: 'old' },
  ]
  const spec = { backoffLimit: 6, template: { spec: { containers: [{ name: 'batch', env }] } } }
  const job = (type?: string) => {
    const target = { type: 'FailureTarget', status: 'True' }
    const conditions = type ? [target, { type, status: 'True', reason: 'BackoffLimitExceeded' }] : []
    return json({ status: { conditions } })
  }
  const pods = (state: object) => {
    const containerStatuses = [
      { name: 'proxy', state: {} },
      { name: 'batch', state },
    ]
    return json({ items: [{ status: { containerStatuses } }] })
  }
  const made = json({ metadata: { name: 'x' }, spec })
  const CREATED = { 'create job': [made], create: [{ stdout: 'created' }] }

  test('an image that is not found is said after a minute and waited for; a Pod that ends without a row gives its own exit code', async () => {
    const waiting = Array<Answer>(40).fill(pods({ waiting: { reason: 'ImagePullBackOff' } }))
    const { end, said } = await play({
      step,
      answers: {
        ...CREATED,
        'get job': [...waiting.map(() => job()), job('Failed')],
        'get pods': [...waiting, pods({ terminated: { exitCode: 137, reason: 'OOMKilled' } })],
      },
      rows: [null],
    })
    expect(said.at(-1)).toMatch(/^nightly-\d{10} has not begun after 1m .*: ImagePullBackOff$/)
    const why = /^nightly-\d{10} ended with exit code 137 and recorded no end: OOMKilled$/
    expect(end).toMatchObject({ exitCode: 137, why: expect.stringMatching(why) })
  })

  test('a lost answer: the next try finds its own Job; an expired sign-in before the start is a failure', async () => {
    const exists = {
      code: 1,
      stderr: 'Error from server (AlreadyExists): error when creating "STDIN": jobs.batch "x" already exists',
    }
    const away = { code: 1, stderr: 'Unable to connect to the server: net/http: TLS handshake timeout' }
    const begun: World['answers'] = { 'get job': [job()], 'get pods': [pods({ running: {} })] }
    const answers = { 'create job': [made], create: [away, exists], ...begun }
    expect((await play({ step, answers, rows: [null, done] })).end.kind).toBe('done')
    const denied = { code: 1, stderr: 'error: You must be logged in to the server (Unauthorized)' }
    const { end } = await play({ step, answers: { 'create job': [denied] }, rows: [null] })
    expect(end).toMatchObject({ kind: 'failed', why: expect.stringContaining('Unauthorized') })
  })
})

describe('lanes', () => {
  const OK: SlotEnd = { kind: 'done', byOthers: false }
  const BAD: SlotEnd = { kind: 'failed', exitCode: 7, why: '' }
  const names = ['a 0', 'a 1', 'b 0', 'b 1', 'c 0', 'd 0']
  const slots = names.map((name) => stepOn(null, null, name[0], Number(name[2]) * 1_000))
  const nameOf = ({ task, slot }: PlannedStep) => `${task} ${(slot - (slots[0]?.slot ?? 0)) / 1_000}`
  const plan = planSteps(slots, new Map([['c', ['b']]]))

  /** Runs the plan. The most slots that ran at once, and what ran, in order. */
  async function lanes(
    jobs: number,
    ends: Readonly<Record<string, SlotEnd>>,
    { keepGoing = false, stopAfter = '' } = {},
  ) {
    const stop = new AbortController()
    const ran: string[] = []
    let [now, most] = [0, 0]
    const open = new Set<string>()
    const result = await runLanes(
      plan,
      { jobs, keepGoing },
      {
        async run(step) {
          expect(open.has(step.task)).toBe(false)
          open.add(step.task)
          most = Math.max(most, ++now)
          await new Promise((resolve) => setImmediate(resolve))
          now -= 1
          open.delete(step.task)
          ran.push(nameOf(step))
          if (nameOf(step) === stopAfter) stop.abort()
          return ends[nameOf(step)] ?? OK
        },
        told: () => undefined,
        stop: stop.signal,
        leave: new AbortController().signal,
      },
    )
    return { ran: ran.toSorted(), most, counts: result.counts, code: result.firstFailure() }
  }

  test.each([1, 3])(
    'with %s at a time, a failure ends its task and what comes after it, and no other; not run is not failed',
    async (jobs) => {
      expect(await lanes(jobs, {})).toMatchObject({ ran: names, most: jobs, counts: { done: 6, left: 0 } })
      const failing = await lanes(jobs, { 'b 0': BAD })
      expect(failing).toMatchObject({
        ran: ['a 0', 'a 1', 'b 0', 'd 0'],
        counts: { done: 3, failed: 1, left: 2 },
        code: 7,
      })
      expect(await lanes(jobs, { 'b 0': BAD }, { keepGoing: true })).toMatchObject({ ran: names, code: 7 })
    },
  )

  test('an end that is not known ends its task also with --keep-going, and a stop starts nothing more', async () => {
    const unknown = await lanes(1, { 'b 0': { kind: 'unknown', why: '' } }, { keepGoing: true })
    expect(unknown).toMatchObject({ ran: ['a 0', 'a 1', 'b 0', 'd 0'], counts: { unknown: 1, left: 2 } })
    expect((await lanes(1, {}, { stopAfter: 'a 0' })).ran).toEqual(['a 0'])
  })
})
