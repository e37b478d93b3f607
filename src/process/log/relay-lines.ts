// The entry point of the command line loads this file, so it imports little.

import { readSync, writeSync } from 'node:fs'
import { errorCode } from '../../core/errors.ts'

/** The argument that makes cronledger a relay of its own log. It has no other use, so the help does not list it. */
export const RELAY_WORD = '--relay-log'

const CHUNK_BYTES = 65_536
const RETRY_MS = 50

/** Returns any text line as one line of ASCII, in the form that `printf %b` of every shell decodes. */
export function encodeLine(line: string): string {
  const octal = (byte: string) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, '0')}`
  return `${Buffer.from(line)
    .toString('latin1')
    .replace(/[^ -[\]-~]/g, octal)}\n`
}

function decodeLine(line: string): Buffer {
  const byte = (_: string, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))
  return Buffer.from(`${line.replace(/\\0([0-7]{3})/g, byte)}\n`, 'latin1')
}

/** Does the same as the shell in `relay.ts`: writes each line of stdin to stderr and confirms it on stdout. */
export function relayLines(): void {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let text = ''
  for (let count = readSync(0, chunk); count > 0; count = readSync(0, chunk)) {
    const lines = (text + chunk.toString('latin1', 0, count)).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      writeWhole(2, decodeLine(line))
      writeSync(1, '\n')
    }
  }
}

/** Writes all bytes to stderr. If the batch made the shared descriptor non-blocking, this waits for a slow reader. */
export function writeWhole(fd: number, bytes: Buffer): void {
  let rest = bytes
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}
