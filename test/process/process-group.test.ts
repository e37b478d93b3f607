import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { readStat } from '../../src/process/proc.ts'
import { livingMember, sendSignal } from '../../src/process/process-group.ts'
import { startFutureZombie } from '../support/processes/zombie.ts'

test('a group lives as long as one of its processes', async () => {
  const leader = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], { detached: true })
  const leaderPid = leader.pid as number
  onTestFinished(() => void sendSignal(-leaderPid, 'SIGKILL'))
  const [line] = await once(leader.stdout, 'data')
  const childPid = Number(line)
  expect(livingMember(leaderPid, childPid)).toBe(childPid)
  expect(livingMember(leaderPid, leaderPid)).toBe(leaderPid)
  process.kill(leaderPid, 'SIGKILL')
  await once(leader, 'exit')
  expect(livingMember(leaderPid, leaderPid)).toBe(childPid)
})

test('a zombie is not a living member, although the kernel still knows its group', async () => {
  const { pid: zombie, parentPid: leaderPid, die } = await startFutureZombie()
  await die()
  expect(readStat(zombie)).toMatchObject({ groupId: leaderPid, living: false })
  expect(livingMember(leaderPid, zombie)).toBe(leaderPid)
})

test('an unknown group has no members', () => {
  // Beyond the largest pid that Linux gives.
  expect(livingMember(2 ** 22 + 1)).toBe(null)
  expect(sendSignal(-(2 ** 22 + 1), 'SIGKILL')).toBe(false)
})
