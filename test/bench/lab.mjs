// The parts of the benchmark share these servers, rounds and medians.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

export const hasMoto = existsSync('/usr/bin/moto_server')
export const hasAws = existsSync('/usr/bin/aws')

export const CREDENTIALS = { accessKeyId: 'bench', secretAccessKey: 'bench' }
export const REGION = 'eu-west-1'

/** The SDK tells each time that 200 requests at once wait for its 50 connections. */
const QUIET = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The machine's environment without what this project, AWS or Node reads of it. */
export const ENV = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(CRONLEDGER|AWS|ECS|NODE_)/.test(name))),
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  AWS_REGION: REGION,
  AWS_EC2_METADATA_DISABLED: 'true',
}

export function here(path) {
  return fileURLToPath(new URL(path, import.meta.url))
}

/** The command line as package.json has it, and the binary where one is built. */
export function ours() {
  const { bin } = JSON.parse(readFileSync(here('../../package.json'), 'utf8'))
  const binary = process.env['CRONLEDGER_BINARY'] ?? here('../../dist-bin/cronledger')
  const forms = [['cronledger', [process.execPath, here(`../../${bin.cronledger}`)]]]
  if (existsSync(binary)) forms.push(['cronledger, binary', [binary]])
  return forms
}

/** A DynamoDB server (`dynalite`, or `moto`) with its tables. */
export async function startServer(kind = 'dynalite') {
  const child = fork(here('server.mjs'), [kind], { env: ENV })
  const [doors] = await once(child, 'message')
  const client = new DynamoDBClient({
    endpoint: doors.direct,
    region: REGION,
    credentials: CREDENTIALS,
    requestHandler: { logger: QUIET },
  })
  for (const [TableName, ...keys] of [
    ['locks', 'id'],
    ['grouped-locks', 'lockId', 'lockGroup'],
  ]) {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: keys.map((name) => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: keys.map((name, index) => ({ AttributeName: name, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
      }),
    )
  }
  return {
    ...doors,
    client,
    /** Returns the requests and connections since the last call. */
    async counts() {
      child.send('counts')
      const [counts] = await once(child, 'message')
      return counts
    },
    stop() {
      client.destroy()
      child.disconnect()
    },
  }
}

/** Runs a command under `usage.py`: CPU and peak memory of its tree of processes, and wall time. Throws where it fails. */
export async function measure(argv, env = {}) {
  const child = spawn('python3', [here('usage.py'), ...argv], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, problems] = await Promise.all([text(child.stdout), text(child.stderr)])
  const { code, ...usage } = out === '' ? { code: 'nothing' } : JSON.parse(out)
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${problems}`)
  return usage
}

/**
 * Does each job once a round, in turn, so that what else the machine does meets them all; a job gives figures by name.
 * Gives the median of each figure. One round more, at first, warms up and is not counted.
 */
export async function interleave(rounds, jobs) {
  const samples = jobs.map(() => ({}))
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < jobs.length; turn += 1) {
      const index = (turn + round) % jobs.length
      const figures = await jobs[index].run()
      if (round === 0) continue
      for (const [name, value] of Object.entries(figures)) {
        samples[index][name] ??= []
        samples[index][name].push(value)
      }
    }
  }
  return new Map(
    jobs.map(({ name }, index) => [
      name,
      Object.fromEntries(Object.entries(samples[index]).map(([figure, values]) => [figure, median(values)])),
    ]),
  )
}

/** 1, 2, 3, …: a key that was not used before. */
export function counter() {
  let last = 0
  return () => {
    last += 1
    return last
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** One line of the table of targets. `limit` is inclusive. */
export function target(what, value, comparison, limit) {
  const met = comparison === '<=' ? value <= limit : comparison === '>=' ? value >= limit : value === limit
  return { what, value, comparison, limit, met }
}
