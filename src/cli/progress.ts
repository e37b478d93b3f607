import { isatty, WriteStream } from 'node:tty'

/** A bar on the terminal that stderr is. */
export interface Progress {
  /** Draws `done` of `total`, with `text` behind it, and leaves the cursor on that line. */
  show(done: number, total: number, text: string): void
  /** Takes the bar away, or ends its line where it is to stay. */
  hide(): void
}

/**
 * Null where stderr is no terminal, or one without a cursor. A bar that stays is a line like any other, so that what is
 * printed next stands below it.
 *
 * Safe beside a child: of a terminal, libuv opens a description of its own before it changes any flag, and this is never
 * opened for a pipe or a file.
 */
export async function openProgress(
  env: Readonly<Record<string, string | undefined>>,
  { stays }: { readonly stays: boolean },
): Promise<Progress | null> {
  if (!isatty(2) || env['TERM'] === 'dumb') return null
  // By its default: a bundle cannot tell the names that CommonJS exports.
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    stream: new WriteStream(2),
    format: '[{bar}] {percentage}%  {text}',
    barsize: 30,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    clearOnComplete: !stays,
    // Signals are dealt with already, and it would deal with them by its own rules.
    gracefulExit: false,
  })
  return {
    show(done, total, text) {
      if (bar.isActive) bar.update(done, { text })
      else bar.start(total, done, { text })
    },
    hide: () => bar.stop(),
  }
}
