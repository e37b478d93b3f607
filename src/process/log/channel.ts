/**
 * `closed` means that the reader has gone, the descriptor is not open, or the disk is full. A log must not end a batch.
 */
export type LineResult = 'written' | 'closed'

/** Writes to a file descriptor without blocking the event loop. */
export interface Channel {
  /**
   * Writes `line` and a line end in one call. Up to PIPE_BUF bytes, the kernel then does not mix it with the output of
   * the batch. Returns a promise if the reader is not ready. The caller must wait for it before the next line.
   */
  write(line: string): LineResult | Promise<LineResult>
  /** Starts what the first line needs. Left out: it needs nothing. */
  prepare?(): void
}
