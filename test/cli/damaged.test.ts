// The built program with flipped bits and missing ends.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MAIN, scratch } from '../support/cli.ts'

const BUILT = dirname(MAIN)
const folder = scratch()
let copies = 0
// For the one package that is not in the bundle.
symlinkSync(join(BUILT, '../../node_modules'), join(folder, 'node_modules'))

const SLOT = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo', '--event-time', '2026-11-23T18:00:05Z']
const COMMANDS = ['help', 'explain', 'run'] as const

/** A copy of the program, in which `damage` has changed the files that match. */
function program(files: RegExp, damage: (file: Buffer) => Buffer) {
  const cli = join(folder, `copy-${++copies}`)
  cpSync(BUILT, cli, { recursive: true })
  for (const name of readdirSync(cli).filter((name) => files.test(name))) {
    writeFileSync(join(cli, name), damage(readFileSync(join(cli, name))))
  }
  return (command: (typeof COMMANDS)[number]) => {
    const ledger = ['--store', `file:${join(cli, 'ledger.db')}`, '--task', 'nightly']
    const args = {
      help: ['run', '--help'],
      explain: ['explain', ...SLOT.slice(0, 4), '--json'],
      run: ['run', ...ledger, ...SLOT, '--', 'sh', '-c', 'echo "batch in $CRONLEDGER_RUN_SLOT"; exit 3'],
    }[command]
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(cli, 'main.js'), ...args], {
      encoding: 'utf8',
      // Only a hang takes that long, also on a busy machine.
      timeout: 120_000,
    })
    // What `explain` says of the coming slots depends on the time.
    const printed = command === 'explain' ? Object.keys(JSON.parse(stdout || '{}')) : stdout
    const lines = stderr.trimEnd().split('\n')
    return { status, signal, printed, events: lines.map((line) => /"event":"[a-z-]+"/.exec(line)?.[0] ?? line) }
  }
}

const flip = (at: (length: number) => number) => (file: Buffer) => {
  const position = at(file.length)
  file[position] = (file[position] ?? 0) ^ (1 << (position % 8))
  return file
}
const cut = (at: (length: number) => number) => (file: Buffer) => file.subarray(0, at(file.length))

const DAMAGES: readonly (readonly [string, (file: Buffer) => Buffer])[] = [
  ...[0, 7, 8, 15, 16, 20, 24, 28, 32, 36, 40, 47].map(
    (at) => [`a bit of byte ${at} is flipped`, flip(() => at)] as const,
  ),
  ...[0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99].map(
    (part) => [`a bit at ${part * 100} % is flipped`, flip((length) => Math.floor(length * part))] as const,
  ),
  ['the last bit is flipped', flip((length) => length - 1)],
  ...[0, 8, 16, 40].map((at) => [`only ${at} bytes are left`, cut(() => at)] as const),
  ['half of it is left', cut((length) => length >> 1)],
  ['the last byte is missing', cut((length) => length - 1)],
]

describe('a damaged compiled cache is not used', () => {
  const whole = program(/^$/, (file) => file)
  const expected = Object.fromEntries(COMMANDS.map((command) => [command, whole(command)]))

  test('the undamaged program works', () => {
    expect(COMMANDS.map((command) => expected[command]?.status)).toEqual([0, 0, 3])
    expect(expected['run']).toMatchObject({ printed: 'batch in 2026-11-23T18:00:00Z\n' })
  })

  test.each(DAMAGES)('%s', (_, damage) => {
    const damaged = program(/\.cache$/, damage)
    expect(Object.fromEntries(COMMANDS.map((command) => [command, damaged(command)]))).toEqual(expected)
  })
})

describe('a damaged program is not run', () => {
  const programs = { app: 'explain', run: 'run' } as const
  test.each(Object.entries(programs))('%s.js: 70 and one line', (name, command) => {
    for (const damage of [
      flip((length) => length >> 1),
      flip(() => 1),
      flip(() => 3),
      flip(() => 11),
      cut((length) => length - 1),
    ]) {
      expect(program(new RegExp(`^${name}\\.js$`), damage)(command)).toMatchObject({
        status: 70,
        signal: null,
        events: [`cronledger: cannot be loaded: ${name}.js is damaged. Install cronledger again.`],
      })
    }
  })
})
