// Part `scale`: commands that walk all tasks of a table that is 10 ms away: `check`, `tasks` and the overview of
// `serve`. Their requests, and their time against the same number of bare requests, one after the other.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { atMost, interleave, loadOverview, measure, ours, startServer } from './lab.mjs'

const SLOTS = 30
const FLOOR_REQUESTS = 50
/** A sample takes seconds. */
const MOST_ROUNDS = 3

export async function run({ rounds, tasks }) {
  const table = await startServer('table.mjs', tasks, SLOTS)
  const env = { AWS_ENDPOINT_URL_DYNAMODB: table.url, CRONLEDGER_STORE: 'dynamodb:ledger' }
  const command = (...args) => measure(['sh', '-c', '"$@"; test $? -le 1', 'sh', ...ours(), ...args], env)
  const counted = (name, work) => ({
    name,
    async run() {
      await table.counts()
      const usage = await work()
      return { ...usage, ...(await table.counts()) }
    },
  })
  try {
    const medians = await interleave(Math.min(rounds, MOST_ROUNDS), [
      { name: 'a bare request', run: async () => ({ wallMs: await bareRequest(table.url) }) },
      counted('check', () => command('check')),
      counted('tasks', () => command('tasks')),
      counted('overview', () => loadOverview(env)),
    ])
    return { medians, targets: targetsOf(medians, tasks) }
  } finally {
    table.stop()
  }
}

function targetsOf(medians, tasks) {
  const { wallMs: bareMs } = medians.get('a bare request')
  // The registry is listed 100 tasks at a time, and a page of an overview has 200 tasks.
  const least = { check: tasks, tasks, overview: tasks + Math.min(tasks, 200) }
  return Object.entries(least).flatMap(([name, needed]) => {
    const { requests, wallMs, peakMb } = medians.get(name)
    return [
      atMost(`${name}: requests / one for each answer`, requests / needed, 1.03),
      atMost(`${name}: wall / the same requests one by one`, wallMs / (requests * bareMs), 0.25),
      atMost(`${name}: peak memory, MB`, peakMb, 256),
    ]
  })
}

/** Milliseconds that one bare request takes: the rows of a task, read and not looked at. */
async function bareRequest(url) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const body = JSON.stringify({
    Limit: 100,
    ExpressionAttributeValues: { ':task': { S: 'task-000001' }, ':first': { S: '0' }, ':last': { S: '9999' } },
  })
  const started = performance.now()
  for (let left = FLOOR_REQUESTS; left > 0; left -= 1) {
    const sent = request(url, { agent, method: 'POST', headers: { 'x-amz-target': 'DynamoDB_20120810.Query' } })
    sent.end(body)
    const [reply] = await once(sent, 'response')
    await buffer(reply)
  }
  const tookMs = performance.now() - started
  agent.destroy()
  return tookMs / FLOOR_REQUESTS
}
