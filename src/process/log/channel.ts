/** `closed`: the reader went away, the descriptor is not open, or the disk is full. A log must not end a batch. */
export type WriteResult = 'written' | 'closed'

/** A way to a file descriptor that never blocks the event loop. */
export interface Channel {
  /**
   * Writes `line` and a line end in one call: the kernel does not let the batch's own output come between up to PIPE_BUF
   * bytes. Gives a promise where the reader is not ready. The caller waits for it before the next line.
   */
  write(line: string): WriteResult | Promise<WriteResult>
}
