import { isatty, WriteStream } from 'node:tty'

/** A progress bar on the terminal on stderr. */
export interface Progress {
  /** Draws `done` of `total` with `text` after it, and leaves the cursor on that line. */
  show(done: number, total: number, text: string): void
  /** Removes the bar, or ends its line if the bar stays. */
  hide(): void
}

/**
 * Returns null if stderr is not a terminal, or is a terminal without a cursor. A bar that stays is a line like any
 * other, and later output stands below it.
 *
 * The bar is safe while a batch shares stderr. For a terminal, libuv opens a file description of its own before it
 * changes any flag, and this function never opens a pipe or a file.
 */
export async function openProgress(
  env: Readonly<Record<string, string | undefined>>,
  { stays }: { readonly stays: boolean },
): Promise<Progress | null> {
  if (!isatty(2) || env['TERM'] === 'dumb') return null
  // We must use the default export, since a bundle does not know the names that a CommonJS module exports.
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    stream: new WriteStream(2),
    format: '[{bar}] {percentage}%  {text}',
    barsize: 30,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    clearOnComplete: !stays,
    // cronledger already handles signals. The library would handle them in its own way.
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
