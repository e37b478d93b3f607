// Part `scale`: commands that walk all tasks of a table that is 10 ms away: `check`, `tasks`, the overview of `serve` and
// `report`. Their requests, and their time against the same number of bare requests, one after the other and 16 at a time.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { ENV, here, measure, median, ours, target } from './lab.mjs'

/** The slots of each task: a month of a nightly batch. */
const SLOTS = 30
const AT_A_TIME = 16
/** Requests of a sample of the floor. */
const FLOOR_REQUESTS = 800
/** A sample takes seconds. */
const MOST_ROUNDS = 3
/** The time of a view as a whole, which is far above what any takes. */
const LONG = '30m'

export async function run({ rounds, tasks }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const table = await startTable(tasks)
  const [[, main]] = ours()
  const env = { AWS_ENDPOINT_URL_DYNAMODB: table.url, CRONLEDGER_STORE: 'dynamodb:ledger' }
  const command = (...args) => measure(['sh', '-c', '"$@"; test $? -le 1', 'sh', ...main, ...args], env)
  const jobs = {
    check: () => command('check'),
    tasks: () => command('tasks'),
    overview: () => loadOverview(main, env),
    report: () => command('report', '--out', join(folder, 'report.html')),
  }
  try {
    const samples = new Map(Object.keys(jobs).map((name) => [name, []]))
    const floors = { one: [], many: [] }
    // Each process starts from nothing, so no round is needed to warm up.
    for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round += 1) {
      floors.one.push(await floor(table.url, FLOOR_REQUESTS / AT_A_TIME, 1))
      floors.many.push(await floor(table.url, FLOOR_REQUESTS, AT_A_TIME))
      for (const [name, job] of Object.entries(jobs)) {
        await table.counts()
        const usage = await job()
        samples.get(name).push({ ...usage, ...(await table.counts()) })
      }
    }
    const [oneMs, manyMs] = [median(floors.one), median(floors.many)]
    const medians = new Map([['bare requests', { 'ms one by one': oneMs, 'ms 16 at a time': manyMs }]])
    for (const [name, figures] of samples) {
      const of = (figure) => median(figures.map((sample) => sample[figure]))
      const requests = of('requests')
      medians.set(name, {
        requests,
        atOnce: of('atOnce'),
        connections: of('connections'),
        wallMs: of('wallMs'),
        'to one by one': of('wallMs') / (requests * oneMs),
        'to 16 at a time': of('wallMs') / (requests * manyMs),
        peakMb: of('peakMb'),
        ...(name === 'overview' && { firstPageMs: of('firstPageMs') }),
      })
    }
    return { medians, targets: targetsOf(medians, tasks) }
  } finally {
    table.stop()
    rmSync(folder, { recursive: true })
  }
}

function targetsOf(medians, tasks) {
  const of = (name, figure) => medians.get(name)[figure]
  // The registry is listed 100 tasks at a time, and a page of an overview has 200 tasks.
  const least = { check: tasks, tasks, overview: tasks + Math.min(tasks, 200), report: 3 * tasks }
  return Object.entries(least).flatMap(([name, requests]) => [
    target(`${name}: requests / one for each answer`, of(name, 'requests') / requests, '<=', 1.03),
    target(`${name}: wall / the same requests one by one`, of(name, 'to one by one'), '<=', 0.25),
    target(`${name}: peak memory, MB`, of(name, 'peakMb'), '<=', 256),
  ])
}

async function startTable(tasks) {
  const child = fork(here('table.mjs'), [String(tasks), String(SLOTS)], { env: ENV })
  const [{ url }] = await once(child, 'message')
  return {
    url,
    /** Returns the requests that came in since the last call. */
    async counts() {
      child.send('counts')
      const [counts] = await once(child, 'message')
      return counts
    },
    stop: () => child.disconnect(),
  }
}

/** Milliseconds that one of `count` bare requests takes: the rows of a task, read and not looked at. */
async function floor(url, count, atATime) {
  const agent = new Agent({ keepAlive: true, maxSockets: atATime })
  const body = JSON.stringify({
    Limit: 100,
    ExpressionAttributeValues: { ':task': { S: 'task-000001' }, ':first': { S: '0' }, ':last': { S: '9999' } },
  })
  const ask = async () => {
    const sent = request(url, { agent, method: 'POST', headers: { 'x-amz-target': 'DynamoDB_20120810.Query' } })
    sent.end(body)
    const [reply] = await once(sent, 'response')
    await buffer(reply)
  }
  const started = performance.now()
  let left = count
  const lane = async () => {
    for (; left > 0; ) {
      left -= 1
      await ask()
    }
  }
  await Promise.all(Array.from({ length: atATime }, lane))
  const took = performance.now() - started
  agent.destroy()
  return took / count
}

/**
 * Loads the overview, and then what needs attention until all tasks are read. `wallMs` is the time of both, and
 * `firstPageMs` that of the overview alone.
 */
async function loadOverview([program, ...args], env) {
  const child = spawn(program, [...args, 'serve', '--port', '0', '--ledger-timeout', LONG], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  const started = performance.now()
  let text = await load(line.trim())
  const firstPageMs = performance.now() - started
  while (text.includes('still being read')) text = await load(new URL('needs', line.trim()))
  const wallMs = performance.now() - started
  const peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  child.kill('SIGINT')
  await once(child, 'exit')
  return { wallMs, firstPageMs, peakMb }
}

async function load(url) {
  const page = await fetch(url)
  const text = await page.text()
  if (!page.ok) throw new Error(`${url} is answered with ${page.status}`)
  return text
}
