import { spawn } from 'node:child_process'
import { MAIN } from '../cli.ts'

/** Runs `cronledger` on a terminal. Returns everything that it writes, with the control sequences. */
export function onTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  columns?: number,
): Promise<string> {
  const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
  const size = columns === undefined ? '' : `stty cols ${columns}; `
  const command = size + [process.execPath, MAIN, ...args].map(quote).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve(shown))
  })
}

const ESCAPE = String.fromCharCode(27)
const ERASED = new RegExp(`^.*${ESCAPE}\\[2K`)
const SEQUENCES = new RegExp(`${ESCAPE}(?:\\[[?\\d;]*[A-Za-z]|[78])`, 'g')

export function linesOf(shown: string): string[] {
  return shown.split('\r\n').map((line) => line.replace(ERASED, '').replace(SEQUENCES, ''))
}
