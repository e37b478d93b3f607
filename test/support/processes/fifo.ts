import { execFileSync, spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** Longer than a test may take, in seconds. */
const TOO_LONG_S = 310

/** Makes a FIFO. A test that waits for its other end, which no timer of the test can end, goes on later and has failed. */
export function makeFifo(path: string, endsInS = TOO_LONG_S): void {
  execFileSync('mkfifo', ['-m', '600', path])
  const { pid } = spawn('sh', ['-c', 'sleep "$1"; while [ -p "$0" ]; do : > "$0"; done', path, String(endsInS)], {
    detached: true,
  })
  onTestFinished(() => void process.kill(-Number(pid), 'SIGKILL'))
}
