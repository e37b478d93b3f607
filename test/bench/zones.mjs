// Part `zones`: what times cost that are not in UTC. The same tasks and slots in two files, in UTC and in Tokyo, where it is the
// same local time, and the commands that show times of all of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atMost, interleave, loadOverview, measure, ours } from './lab.mjs'
import { seedFile } from './rows.mjs'

const DAY_MS = 86_400_000
const HOURS_AHEAD = { UTC: 0, 'Asia/Tokyo': 9 }
const SLOTS = 20
const MOST_ROUNDS = 3

export async function run({ rounds, tasks }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const names = Array.from({ length: tasks }, (_, index) => `task-${String(index).padStart(6, '0')}`)
  const midnight = Math.floor(Date.now() / DAY_MS - 1) * DAY_MS
  try {
    const jobs = Object.entries(HOURS_AHEAD).flatMap(([zone, hours]) => {
      const path = join(folder, `${hours}.db`)
      const newest = midnight - hours * 3_600_000
      seedFile(path, names, { count: SLOTS, newest, stepMs: DAY_MS, expression: '0 0 * * *', zone })
      const env = { CRONLEDGER_STORE: `file:${path}`, TZ: zone }
      const command = (...args) => measure(['sh', '-c', '"$@"; test $? -le 1', 'sh', ...ours(), ...args], env)
      return [
        { name: `tasks, ${zone}`, run: () => command('tasks') },
        { name: `check, ${zone}`, run: () => command('check') },
        { name: `history, ${zone}`, run: () => command('history', '--limit', '0') },
        { name: `overview, ${zone}`, run: () => loadOverview(env) },
      ]
    })
    const medians = await interleave(Math.min(rounds, MOST_ROUNDS), jobs)
    return {
      medians,
      targets: ['tasks', 'check', 'history', 'overview'].flatMap((name) => targetsOf(name, medians)),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function targetsOf(name, medians) {
  const [utc, tokyo] = Object.keys(HOURS_AHEAD).map((zone) => medians.get(`${name}, ${zone}`))
  return [
    atMost(`${name}: CPU in Tokyo / in UTC`, tokyo.cpuMs / utc.cpuMs, 1.4),
    atMost(`${name}: peak memory in Tokyo / in UTC`, tokyo.peakMb / utc.peakMb, 1.4),
  ]
}
