import { isatty, WriteStream } from 'node:tty'
import type { Environment } from '../core/types.ts'

export type Progress = NonNullable<Awaited<ReturnType<typeof openProgress>>>

/** Returns whether stderr is a terminal that can show progress. A terminal without a cursor cannot. */
export function showsProgress(env: Environment): boolean {
  return isatty(2) && env['TERM'] !== 'dumb'
}

const BAR = { format: '[{bar}] {percentage}%  {text}', barCompleteChar: '#', barIncompleteChar: '.' } as const

/** Not for a command that runs a batch: its writes block while the terminal does not take them (Ctrl-S). */
export async function openProgress(env: Environment) {
  if (!showsProgress(env)) return null
  // We must use the default export, since a bundle does not know the names that a CommonJS module exports.
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    ...BAR,
    stream: new WriteStream(2),
    barsize: 30,
    clearOnComplete: true,
    // cronledger already handles signals. The library would handle them in its own way.
    gracefulExit: false,
  })
  return {
    show(done: number, total: number, text: string) {
      if (bar.isActive) bar.update(done, { text })
      else bar.start(total, done, { text })
    },
    hide: () => bar.stop(),
  }
}

export type LaneScreen = NonNullable<Awaited<ReturnType<typeof openLaneScreen>>>

/** A bar, and below it a line for each of at most `most` things that go on. The log stands above both. */
export async function openLaneScreen(env: Environment, most: number) {
  if (!showsProgress(env)) return null
  const { default: cliProgress } = await import('cli-progress')
  const stream = new WriteStream(2)
  const lanes = Math.min(most, Math.max(1, stream.rows - 3))
  const bars = new cliProgress.MultiBar({
    ...BAR,
    stream,
    format: '{text}',
    barsize: 20,
    clearOnComplete: true,
    gracefulExit: false,
    linewrap: false,
    emptyOnZero: true,
  })
  const bar = bars.create(1, 0, { text: '' }, BAR)
  const lines = Array.from({ length: lanes }, () => bars.create(1, 0, { text: '' }))
  return {
    show(done: number, total: number, text: string, running: readonly string[]) {
      bar.setTotal(total)
      bar.update(done, { text })
      for (const [index, line] of lines.entries()) line.update(0, { text: running[index] ? `  ${running[index]}` : '' })
    },
    /** The terminal breaks no line while the bars are there. */
    log: (line: string) =>
      bars.log(`${line.match(new RegExp(`.{1,${stream.columns || 80}}`, 'gu'))?.join('\n') ?? ''}\n`),
    hide() {
      // What was logged since the bars were drawn would be lost.
      bars.update()
      bars.stop()
    },
  }
}
