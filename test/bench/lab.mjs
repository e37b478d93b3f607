import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** No process that is measured gets these: `NODE_EXTRA_CA_CERTS` alone costs more than the start of Node 20. */
export const TAKEN = Object.keys(process.env).filter((name) => /^(CRONLEDGER|AWS|ECS|NODE_|SSL_|LD_)/.test(name))
export const ENV = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !TAKEN.includes(name))),
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  AWS_REGION: 'eu-west-1',
  AWS_EC2_METADATA_DISABLED: 'true',
}

export function here(path) {
  return fileURLToPath(new URL(path, import.meta.url))
}

export function ours() {
  const { bin } = JSON.parse(readFileSync(here('../../package.json'), 'utf8'))
  return [process.execPath, here(`../../${bin.cronledger}`)]
}

export async function startServer(file, ...args) {
  const child = fork(here(file), args.map(String), { env: ENV })
  const [doors] = await once(child, 'message')
  return {
    ...doors,
    async counts() {
      child.send('counts')
      const [counts] = await once(child, 'message')
      return counts
    },
    stop: () => child.disconnect(),
  }
}

/** Runs a command under `usage.py`, which reports the CPU and the peak memory of its tree of processes. */
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

async function serve(env, ...options) {
  const [program, ...args] = ours()
  const child = spawn(program, [...args, 'serve', '--port', '0', ...options], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  return {
    url: line.trim(),
    peakMb: () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
    /** In ticks of 10 ms, from the fields after the name of the program. */
    cpuMs() {
      const [utime, stime] = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13)
      return (Number(utime) + Number(stime)) * 10
    },
    async stop() {
      child.kill('SIGINT')
      await once(child, 'exit')
    },
  }
}

async function load(url) {
  const page = await fetch(url, { headers: { prefer: 'wait' } })
  const body = await page.text()
  if (!page.ok) throw new Error(`${url} is answered with ${page.status}`)
  return body
}

/** `wallMs`: until all tasks are read; `firstPageMs`: until the overview is there; `cpuMs`: of the server. */
export async function loadOverview(env) {
  const server = await serve(env, '--ledger-timeout', '30m')
  const started = performance.now()
  let text = await load(server.url)
  const firstPageMs = performance.now() - started
  while (text.includes('checked so far.')) text = await load(new URL('needs', server.url))
  const wallMs = performance.now() - started
  const figures = { wallMs, firstPageMs, cpuMs: server.cpuMs(), peakMb: server.peakMb() }
  await server.stop()
  return figures
}

/** Does each job once a round, in turn, so that other work on the machine meets all. The first round is not counted. */
export async function interleave(rounds, jobs) {
  const samples = jobs.map(() => [])
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < jobs.length; turn += 1) {
      const index = (turn + round) % jobs.length
      const figures = await jobs[index].run()
      if (round > 0) samples[index].push(figures)
    }
  }
  return new Map(jobs.map(({ name }, index) => [name, mediansOf(samples[index])]))
}

function mediansOf(samples) {
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
  const names = Object.keys(samples[0])
  return Object.fromEntries(names.map((name) => [name, median(samples.map((sample) => sample[name]))]))
}

export function atMost(what, value, limit, column = 'measured') {
  return { what, column, value, limit: `<= ${limit}`, met: value <= limit }
}
