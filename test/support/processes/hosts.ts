import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { afterAll } from 'vitest'
import { type Options, type Running, start } from '../cli.ts'
import { childrenOf } from './supervise.ts'

const NAMESPACES = ['--fork', '--pid', '--mount-proc', '--uts', '--kill-child']

/** Whether a test can make hosts here. This needs root, and most containers do not permit it. */
export const hasHosts = (() => {
  try {
    execFileSync('unshare', [...NAMESPACES, 'hostname', 'probe'], { stdio: 'ignore' })
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    process.stdout.write('namespaces are not permitted here: the tests of takeovers between hosts are skipped\n')
    return false
  }
})()

/** A PID namespace with its own /proc and hostname: runs on two hosts see each other by the lease alone. */
export interface Host {
  start(args: readonly string[], options?: Omit<Options, 'launcher'>): Running
  /** Stops every process on the host, as when a virtual machine freezes. */
  freeze(): void
  thaw(): void
  /** Kills every process on the host, as a loss of power does. */
  lose(): Promise<void>
}

export function hostBooter(): (name: string) => Promise<Host> {
  const booted: Host[] = []
  afterAll(() => Promise.all(booted.map((host) => host.lose())))
  return async (name) => {
    const host = await boot(name)
    booted.push(host)
    return host
  }
}

async function boot(name: string): Promise<Host> {
  // The first process of the host reads until its input ends, so it cannot outlive the process that runs the test.
  const init = ['sh', '-c', 'hostname "$0" && echo up && exec cat', name]
  const outer = spawn('unshare', [...NAMESPACES, ...init], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(outer, 'exit')
  await once(outer.stdout, 'data')
  const [pid] = childrenOf(outer.pid as number)
  const namespace = readlinkSync(`/proc/${pid}/ns/pid`)
  const entered = new Set<Running>()

  /** nsenter stops itself with the process that it waits for. We must wake it, otherwise it never reports the end. */
  function wakeWaiting(): void {
    for (const { child } of entered) child.kill('SIGCONT')
  }

  async function lose(): Promise<void> {
    // The kernel ends all processes of a namespace with its first one, and reports that one when they are gone.
    if (outer.exitCode === null && outer.signalCode === null) process.kill(pid as number, 'SIGKILL')
    wakeWaiting()
    await gone
  }

  return {
    start(args, options = {}) {
      const inside = ['nsenter', '--target', `${pid}`, '--pid', '--mount', '--uts', '--']
      // nsenter enters a mount namespace at its root, so we must change to the working directory.
      const launcher = [...inside, 'sh', '-c', 'cd "$0" && exec "$@"', options.cwd ?? process.cwd()]
      const running = start(args, { ...options, launcher })
      entered.add(running)
      return running
    },
    freeze() {
      for (const one of membersOf(namespace)) if (one !== pid) signalTo(one, 'SIGSTOP')
    },
    thaw() {
      for (const one of membersOf(namespace)) signalTo(one, 'SIGCONT')
      wakeWaiting()
    },
    lose,
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has already ended.
  }
}

function membersOf(namespace: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`) === namespace
    } catch {
      // The process has already ended.
      return false
    }
  })
}
