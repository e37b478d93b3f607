import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { awsError } from '../faults/faults.ts'
import { putFailed } from '../store/contract.ts'
import { cronledger, start } from '../support/cli.ts'
import { serve, untilChecked, WHOLE } from '../support/pages/serve.ts'
import { type FaultyProxy, type Passing, startFaultyProxy } from '../support/proxy.ts'
import { awsEnv, openTestStore, type Server, startDynalite } from '../support/servers.ts'
import { startOfToday } from '../support/today.ts'

// Commands that walk all tasks of a table: what they ask for at the same time, and in which order they answer.

const DAY_MS = 86_400_000
/** The only slot of each task. */
const SLOT = startOfToday() - DAY_MS
const TASKS = Array.from({ length: 40 }, (_, index) => `task-${String(index).padStart(2, '0')}`)
const DENIED = awsError(400, 'com.amazon.coral.service#AccessDeniedException', 'User: x is not authorized', 'Message')
const AT_A_TIME = 16

let server: Server
let proxy: FaultyProxy

/** A request waits for the others of its group, however long they take to arrive: no limit ends it. */
const PATIENT = `import { Socket } from 'node:net'
  const { setTimeout } = globalThis
  globalThis.setTimeout = (then, ms, ...more) => setTimeout(then, ms < 1000 ? ms : 1e9, ...more)
  AbortSignal.timeout = () => new AbortController().signal
  Socket.prototype.setTimeout = function () { return this }`
const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(PATIENT)}`

const env = () => ({ ...awsEnv({ endpoint: proxy.url }), CRONLEDGER_STORE: 'dynamodb:ledger' })
const read = (args: readonly string[]) => cronledger(args, { env: { ...env(), NODE_OPTIONS } })
const isOfTask = ({ task }: Passing) => task?.startsWith('task-') === true

beforeAll(async () => {
  server = await startDynalite()
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  const store = openTestStore(server.endpoint)
  await putFailed(store, TASKS, SLOT)
  store.close()
})
afterAll(() => server.stop())
beforeEach(async () => {
  proxy?.close()
  proxy = await startFaultyProxy(server.endpoint)
})
afterAll(() => proxy?.close())

/**
 * Answers queries of tasks when as many as may be in flight have arrived, the latest first. `rounds`: how many times
 * each task is asked for in each round, one after another.
 */
function answerInGroups(rounds: readonly number[] = [1]): void {
  const open = rounds.map((perTask) => ({ perTask, left: perTask * TASKS.length }))
  let waiting: (() => void)[] = []
  proxy.treat((passing) => {
    if (!isOfTask(passing)) return 'pass'
    const until = new Promise<void>((resolve) => {
      waiting.unshift(resolve)
    })
    // A round ends with the tasks that are left of it.
    const round = open.find(({ left }) => left > 0)
    if (round !== undefined && waiting.length === Math.min(AT_A_TIME, Math.ceil(round.left / round.perTask))) {
      round.left -= waiting.length
      for (const resolve of waiting) resolve()
      waiting = []
    }
    return { until }
  })
}

const COMMANDS = {
  'check --format json': ['check', '--since', '3d', '--format', 'json'],
  'tasks --format json': ['tasks', '--format', 'json'],
} as const

describe.each(Object.entries(COMMANDS))('%s', (_, args) => {
  // The commands below the findings name the tasks again.
  const namesIn = (text: string) => [...new Set([...text.matchAll(/task-\d\d/g)].map(([name]) => name))]

  // promise: many-tasks
  test('16 tasks are asked for at a time, and come in the order of their names', async () => {
    const { stdout } = await read(args)
    expect(namesIn(stdout)).toEqual(TASKS)
    answerInGroups()
    const seen = proxy.seen.length
    const { stdout: again, stderr } = await read(args)
    expect({ stdout: again, stderr }).toEqual({ stdout, stderr: '' })
    expect(proxy.mostAtOnce()).toBe(AT_A_TIME)
    expect(proxy.seen.slice(seen).filter(isOfTask)).toHaveLength(TASKS.length)
  })

  // promise: many-tasks
  test('an error of one task: its exit code, one line, and before it what was found in the tasks before', async () => {
    proxy.treat((passing) => (passing.task === TASKS[20] ? DENIED : 'pass'))
    const { code, stdout, stderr } = await read(args)
    expect(code).toBe(77)
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^cronledger: .*dynamodb:Query/)])
    expect(namesIn(stdout)).toEqual(TASKS.slice(0, 20))
    expect(() => JSON.parse(stdout)).toThrow()
  })

  // promise: many-tasks
  test('Ctrl-C while 16 requests are in flight: 130, and no message', async () => {
    let left = AT_A_TIME
    const reached = new Promise<void>((resolve) => {
      proxy.treat((passing) => {
        if (!isOfTask(passing)) return 'pass'
        left -= 1
        if (left === 0) resolve()
        return 'stall'
      })
    })
    const running = start(args, { env: env() })
    await reached
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, stderr: '' })
  })
})

// promise: overview-reads
test('the overview does not read a listed task again: a query for its slots, one for its findings, and one for an older success', async () => {
  const served = await serve('dynamodb:ledger', { env: env() })
  const before = proxy.seen.length
  await untilChecked(served)
  const answer = await fetch(served.url, WHOLE)
  const html = await answer.text()
  expect(await served.stop()).toBe(130)
  const seen = proxy.seen.slice(before)
  // No task has a success on the axis, so the page looks for an older one.
  expect(seen.filter(isOfTask)).toHaveLength(3 * TASKS.length)
  // The names are one page and the task records one batch, and both are read for each of the two. So are the keys of the rows of
  // today and yesterday, for tasks that have no record.
  const ofRecords = seen.filter((passing) => !isOfTask(passing)).map(({ action, taskRecord }) => [action, taskRecord])
  expect(ofRecords.sort()).toEqual([
    ['BatchGetItem', true],
    ['BatchGetItem', true],
    ...Array.from({ length: 4 }, () => ['Query', false]),
    ['Query', true],
    ['Query', true],
  ])
  expect([...html.matchAll(/id="line-(task-\d\d)"/g)].map(([, name]) => name)).toEqual(TASKS)
  expect(html).toMatch(/>40 slots need attention<\/h1><p class="quiet">40 failed /)
})
