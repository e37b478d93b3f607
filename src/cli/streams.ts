/**
 * Puts dead ends in the place of `process.stdout` and `process.stderr`. The first look at the real ones opens them, and
 * that switches a pipe to non-blocking: for every process that shares it, so that a child which writes more than the pipe
 * holds loses output. yargs takes such a look (for the terminal's width) when it is imported.
 */
export function hideStandardStreams(): void {
  for (const name of ['stdout', 'stderr']) Object.defineProperty(process, name, { value: {}, configurable: true })
}

/** Prints a command's answer. A reader that has gone away (`| head`) has what it wanted. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? resolve() : reject(error)))
    process.stdout.write(`${text}\n`, () => resolve())
  })
}
