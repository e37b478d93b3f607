import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type LedgerError, quote, usageError, withoutSecret } from '../core/errors.ts'
import { nearest } from '../core/near.ts'
import { SHELLS } from '../core/other-names.ts'
import type { Environment } from '../core/types.ts'
import { COMMANDS } from './command-table.ts'

/** Words whose nearest command would retire the task, and those that operators look for at night. */
const OTHER_NAMES = new Map([
  ['retry', 'rerun'],
  ['revive', 'resume'],
  ['unlock', 'resolve'],
  ['validate', 'setup --check'],
  ['list', 'tasks'],
  ['status', 'check'],
  ['logs', 'show'],
  ['start', 'run'],
  ['exec', 'run'],
  ['init', 'setup'],
  ['version', '--version'],
])

/** Returns the error for a word where the command belongs. `argv` has the words after it. */
export function unknownCommand(name: string, argv: readonly string[]): LedgerError {
  const [command] = argv.filter((word) => Object.hasOwn(COMMANDS, word))
  const given = name.toLowerCase()
  const near = nearest(given, [...Object.keys(COMMANDS), 'help', '--help', '--version'])
  const what = `unknown command ${quote(name)}.`
  // One that begins in another way may be the opposite, such as unpause.
  const meant = OTHER_NAMES.get(given) ?? (near?.[0] === given[0] ? near : null)
  if (meant !== null) return usageError(`${what} Did you mean ${meant}? See cronledger --help.`)
  if (name.startsWith('-')) {
    return usageError(
      `${what} Put the command before its options: cronledger ${command ?? 'run'} ${withoutSecret(name)} …`,
    )
  }
  const words = name.trim().split(/\s+/)
  if (Object.hasOwn(COMMANDS, words[words[0] === 'cronledger' ? 1 : 0] ?? '')) {
    return usageError(
      `${quote(withoutSecret(name))} is one word. Give each word of the command line by itself, for example: ["run", "--", "./batch.sh"]`,
    )
  }
  if (/[./]/.test(name)) return usageError(`${what} To run a batch: cronledger run … -- ${withoutSecret(name)}`)
  return usageError(`${what} See cronledger --help.`)
}

/**
 * Throws a usage error if the words after `--` are certainly not the command line of a batch.
 *
 * In an image whose entrypoint is `cronledger run --`, a command line that is meant for cronledger becomes the batch. It
 * would take the slot, and the real batch would then be a duplicate.
 */
export function checkBatch(name: string, batch: readonly string[]): void {
  const [file, word = ''] = batch
  if (file === undefined) return
  const shell = shellWithoutScript(batch)
  if (file.trim() === '' || shell !== null) {
    const what = shell === null ? 'the batch command after --' : `the script of ${shell} -c after --`
    throw usageError(
      `${what} is empty. If it comes from a variable, check that the variable is set. Use for example: cronledger ${name} … -- ${shell === null ? '' : `${shell} -c `}./batch.sh`,
    )
  }
  if (/^\[ *"/.test(file)) {
    throw usageError(
      `${quote(file)} after -- is a list in JSON, not a command. Give each part as a word of its own, for example: cronledger ${name} … -- ./batch.sh --all`,
    )
  }
  if (/^-./.test(file)) {
    throw usageError(
      `${quote(file)} after -- is not a command. Put the options of cronledger before --, and the batch command after it, for example: cronledger ${name} ${withoutSecret(file)} … -- ./batch.sh`,
    )
  }
  if (basename(file) !== 'cronledger' || !Object.hasOwn(COMMANDS, word)) return
  throw usageError(
    `the batch command after -- is "cronledger ${word}", which would take the slot of the batch. Put the batch command there. To start cronledger ${word} in an image with the entrypoint "cronledger run --", use another entrypoint: docker run --entrypoint cronledger IMAGE ${word} …, or entryPoint in an ECS task definition.`,
  )
}

/** Returns the name of the shell in a command line such as `env A=1 bash -eo pipefail -c ''`, whose script does nothing. */
function shellWithoutScript(batch: readonly string[]): string | null {
  const at = batch.findIndex((word) => SHELLS.includes(basename(word)))
  const words = batch.slice(at + 1)
  let hasScript = false
  while (words[0] !== undefined && /^[-+]./.test(words[0])) {
    const [option] = words.splice(0, 1)
    if (option === '--') break
    const letters = option?.startsWith('--') ? '' : (option?.slice(1) ?? '')
    hasScript ||= letters.includes('c')
    // Each o or O takes a word: -eo pipefail.
    words.splice(0, letters.replace(/[^oO]/g, '').length)
  }
  const lines = words[0]?.split('\n') ?? []
  const isEmpty = lines.every((line) => /^\s*(#.*)?$/.test(line))
  return at >= 0 && hasScript && isEmpty ? basename(batch[at] ?? '') : null
}

export function checkPlatform(name: string, platform: string): void {
  if (platform === 'linux') return
  throw usageError(
    `${name} needs Linux (this is ${platform}), because it watches the batch through /proc. Start it in a container.`,
  )
}

export function checkNoBatch(name: string, [word]: readonly string[]): void {
  if (word === undefined) return
  throw usageError(
    `unexpected argument ${quote(word)} after --. ${name} does not run a batch. Put its options before --, or leave -- out.`,
  )
}

/** Node replaces invalid bytes with U+FFFD, so the batch would get another argument. A valid U+FFFD was given as such. */
export function checkBytes(args: readonly string[]): void {
  const changed = args.find((word) => word.includes('\ufffd'))
  if (changed === undefined || isUtf8(ownBytes('cmdline'))) return
  throw usageError(
    `argument ${quote(changed)} is not valid UTF-8, so the batch would get a different text. Encode it in UTF-8.`,
  )
}

export function checkEnvironmentBytes(env: Environment): void {
  if (!Object.entries(env).some((entry) => entry.join('').includes('\ufffd'))) return
  const entries = ownBytes('environ').toString('latin1').split('\0')
  const changed = entries.find((entry) => !isUtf8(Buffer.from(entry, 'latin1')))
  if (changed === undefined) return
  const name = Buffer.from(changed.split('=', 1)[0] ?? '', 'latin1').toString('utf8')
  throw usageError(
    `environment variable ${quote(name)} is not valid UTF-8, so the batch would get a different text. Encode it in UTF-8, or remove it.`,
  )
}

function ownBytes(name: 'cmdline' | 'environ'): Buffer {
  try {
    return readFileSync(`/proc/self/${name}`)
  } catch {
    return Buffer.alloc(0)
  }
}
