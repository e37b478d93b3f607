import { describe, expect, test } from 'vitest'
import type { CommandHelp } from '../../../src/cli/command.ts'
import { checkBatch, checkNoBatch, unknownCommand } from '../../../src/cli/command-line.ts'
import { check } from '../../../src/cli/commands/check.ts'
import { declare } from '../../../src/cli/commands/declare.ts'
import { history } from '../../../src/cli/commands/history.ts'
import { rerun } from '../../../src/cli/commands/rerun.ts'
import { resolve } from '../../../src/cli/commands/resolve.ts'
import { run } from '../../../src/cli/commands/run.ts'
import { setup } from '../../../src/cli/commands/setup.ts'
import { show } from '../../../src/cli/commands/show.ts'
import { readOptions } from '../../../src/cli/options/arguments.ts'
import type { Environment } from '../../../src/core/types.ts'

const STORE = ['--store', 'file:ledger.db']
const NIGHTLY = [...STORE, '--task', 'nightly']

const HELP: Readonly<Record<string, CommandHelp>> = Object.fromEntries(
  [run, rerun, history, show, check, declare, resolve, setup].map(({ help }) => [help.name, help]),
)

/** Returns the error of a command line, which is given as the shell passes it on. */
function mistake(command: string, argv: readonly string[], env: Environment = {}, rest?: string[]) {
  try {
    readOptions(HELP[command] as CommandHelp, argv, env, rest)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('no error')
}

describe('a schedule without quotes', () => {
  const WHY = "--schedule '0 3 * * *' (the shell splits the schedule at its spaces and replaces * with file names)"

  test.each([
    ['that matches no file', ['0', '3', '*', '*', '*'], '"3" after --schedule 0', ''],
    [
      'that the shell replaced with file names',
      ['0', '3', 'README.md', 'src'],
      '"3" after --schedule 0',
      ', for example',
    ],
    [
      'that begins with file names',
      ['README.md', 'src', 'README.md', 'src'],
      '"src" after --schedule README.md',
      ', for example',
    ],
  ])('%s', (_, words, what, example) => {
    const text = `unexpected argument ${what}. Put the value in quotes${example}: ${WHY}`
    expect(mistake('run', [...NIGHTLY, '--schedule', ...words])).toBe(text)
    expect(mistake('declare', [...NIGHTLY, '--schedule', ...words])).toBe(text)
  })

  test('keeps the fields in the hint where they are whole', () => {
    expect(mistake('run', [...NIGHTLY, '--schedule=*/5', '9-17', '*', '*', 'MON-FRI'])).toContain(
      "quotes: --schedule '*/5 9-17 * * MON-FRI'",
    )
    expect(mistake('run', [...NIGHTLY, '--schedule', 'cron(0', '4', '*', '*', '?', '*)'])).toContain(
      "quotes: --schedule 'cron(0 4 * * ? *)'",
    )
    expect(mistake('run', [...NIGHTLY, '--schedule', 'rate(5', 'minutes)'])).toContain("'rate(5 minutes)'")
  })

  test('is not suspected behind a complete one', () => {
    const argv = [...NIGHTLY, '--schedule', '@daily', './batch.py']
    expect(mistake('run', argv)).toMatch(/Put the batch command after --/)
  })
})

describe('a text without quotes', () => {
  test.each([
    ['resolve', ['--slot', 'latest', '--reason', 'checked', 'by', 'hand'], "quotes: --reason 'checked by hand' ("],
    // Otherwise "by" would be the task.
    ['resolve', ['--reason', 'checked', 'by', '--state', 'completed'], "quotes: --reason 'checked by' ("],
    ['check', ['--notify', 'curl', '-d', '@-', 'https://example.org'], "quotes: --notify 'curl …' ("],
    ['check', ['--notify', './tell.sh', 'it'], "quotes: --notify './tell.sh it' ("],
  ])('%s %j', (command, argv, message) => {
    expect(mistake(command, [...STORE, ...argv])).toContain(message)
  })
})

describe('the batch command without --', () => {
  test.each([
    [['./batch.py'], '"./batch.py". Put the batch command after --, for example: cronledger run … -- ./batch.py'],
    [['python', 'b.py', '-v'], '"python". Put the batch command after --, for example: cronledger run … -- python …'],
    [['a b'], '"a b". Put the batch command after --, for example: cronledger run … -- ./batch.sh'],
  ])('%j', (words, message) => {
    const argv = [...NIGHTLY, '--schedule', '0 3 * * *', ...words]
    expect(mistake('run', argv)).toBe(`unexpected argument ${message}`)
  })

  test('is not suspected where there is a batch', () => {
    expect(mistake('rerun', [...STORE, 'nightly'], {}, ['./batch.sh'])).toBe(
      'unexpected argument "nightly". If it is the task, use --task nightly. rerun takes options only before --. See cronledger rerun --help.',
    )
  })

  test('of rerun, whose example names rerun', () => {
    expect(mistake('rerun', [...NIGHTLY, './batch.py'])).toMatch(/: cronledger rerun … -- \.\/batch\.py$/)
  })

  test('instead of the command', () => {
    expect(unknownCommand('./batch.py', []).message).toBe(
      'unknown command "./batch.py". To run a batch: cronledger run … -- ./batch.py',
    )
  })
})

describe('the words after --', () => {
  test('are not a batch if the command is empty, as from a variable that is not set', () => {
    expect(() => checkBatch('run', [''])).toThrow(/^the batch command after -- is empty\./)
    expect(() => checkBatch('run', [' ', 'x'])).toThrow(/^the batch command after -- is empty\./)
    expect(() => checkBatch('run', [])).not.toThrow()
  })
})

describe('options after --', () => {
  test('instead of the batch', () => {
    expect(() => checkBatch('run', ['--task', 'x'])).toThrow(
      '"--task" after -- is not a command. Put the options of cronledger before --, and the batch command after it, for example: cronledger run --task … -- ./batch.sh',
    )
  })

  test('that are missing before it', () => {
    expect(mistake('run', STORE, {}, ['./batch.sh', '--task', 'nightly'])).toBe(
      '--task is missing. It comes after --, where it is an argument of the batch. Put it before --.',
    )
  })

  test('of a command that runs no batch', () => {
    expect(() => checkNoBatch('history', ['--limit', '5'])).toThrow(
      'unexpected argument "--limit" after --. history does not run a batch. Put its options before --, or leave -- out.',
    )
  })

  test('may be options of the batch', () => {
    expect(() => checkBatch('run', ['./batch.sh', '--task', 'x'])).not.toThrow()
  })
})

describe('a value as an env file has it', () => {
  test.each([
    ['"nightly"', 'CRONLEDGER_TASK has quotes around its value: "\\"nightly\\"". Remove them, since'],
    ["'nightly'", 'CRONLEDGER_TASK has quotes around its value: "\'nightly\'". Remove them, since'],
    ['\u201cnightly\u201d', 'CRONLEDGER_TASK has quotes around its value: "\u201cnightly\u201d". Remove them, since'],
    [
      'nightly\r',
      'CRONLEDGER_TASK ends with a carriage return: "nightly\\r". Save the file that it comes from with Unix',
    ],
  ])('%j', (value, message) => {
    expect(mistake('history', STORE, { CRONLEDGER_TASK: value })).toContain(message)
  })

  test('is refused for every kind of option, also as a flag', () => {
    for (const argv of [['--limit', '5\r'], ['--all=true\r'], ['--format', '"json"'], ['--grace', "'5m'"]]) {
      expect(mistake('history', [...STORE, ...argv])).toMatch(/ends with a carriage return|has quotes around its value/)
    }
  })

  test('may have quotes where they belong to it', () => {
    const argv = [...NIGHTLY, '--slot', 'latest', '--state', 'failed', '--reason', '"no space left"']
    expect(readOptions(resolve.help, argv, {})).toMatchObject({ reason: '"no space left"' })
    expect(readOptions(check.help, STORE, { CRONLEDGER_NOTIFY: "'/opt/my tools/tell'" })).toMatchObject({
      notify: "'/opt/my tools/tell'",
    })
  })
})

describe('an option of another name', () => {
  test.each([
    ['run', '--tz', 'timezone'],
    ['run', '--json', 'log'],
    ['run', '--cron', 'schedule'],
    ['run', '--name', 'task'],
    ['run', '--table=cronledger', 'store'],
    ['run', '--retries', 'max-attempts'],
    ['run', '--event_time', 'event-time'],
    ['run', '--Task', 'task'],
    ['run', '-task', 'task'],
    ['rerun', '--since', 'from'],
    ['rerun', '--until', 'to'],
    ['history', '--from', 'since'],
    ['history', '--lmit', 'limit'],
    ['show', '--date', 'slot'],
  ])('%s %s', (command, flag, meant) => {
    const [shown] = flag.split('=')
    expect(mistake(command, [...STORE, flag, 'x'])).toBe(`unknown option ${shown}. Did you mean --${meant}?`)
  })

  test('that is close to nothing', () => {
    expect(mistake('run', [...STORE, '--colour=red'])).toBe('unknown option --colour. See cronledger run --help.')
  })

  test('with the long dash of a word processor', () => {
    expect(mistake('history', ['\u2014store', 'file:x'])).toBe(
      'unknown option \u2014store. It begins with a long dash. Type two hyphens: --store',
    )
  })
})

describe('an unknown command', () => {
  test.each([
    ['list', 'tasks or history'],
    ['start', 'run'],
    ['status', 'check or history'],
    ['init', 'setup'],
    ['retry', 'rerun'],
    ['skip', 'resolve'],
    ['Status', 'check or history'],
    ['histroy', 'history'],
    ['version', '--version'],
    ['--verison', '--version'],
  ])('%s is near to %s', (name, meant) => {
    const { message } = unknownCommand(name, [])
    expect(message).toBe(`unknown command "${name}". Did you mean ${meant}? See cronledger --help.`)
  })

  test.each([
    ['xyz', [], 'See cronledger --help.'],
    ['--task', ['nightly', 'history'], 'Put the command before its options: cronledger history --task …'],
    ['--store', ['file:x'], 'Put the command before its options: cronledger run --store …'],
  ])('%s %j', (name, argv, hint) => {
    expect(unknownCommand(name, argv).message).toBe(`unknown command "${name}". ${hint}`)
  })
})

describe('the task as an argument', () => {
  test.each([
    [['nightly', ...STORE]],
    [[...STORE, 'nightly']],
    [['nightly', ...STORE, '--task', 'nightly']],
    [['--duplicates', 'nightly', ...STORE]],
  ])('%j', (argv) => {
    expect(readOptions(history.help, argv, {})).toMatchObject({ task: 'nightly' })
  })

  test('takes precedence over the environment', () => {
    expect(readOptions(history.help, ['nightly', ...STORE], { CRONLEDGER_TASK: 'other' })).toMatchObject({
      task: 'nightly',
    })
  })

  test.each([
    [['nightly', ...STORE, '--task', 'other'], 'two tasks are given: "nightly" and --task "other". Use one of them.'],
    [
      ['nightly', 'other'],
      'unexpected argument "other". history takes one task name and options. See cronledger history --help.',
    ],
    [['nightly', 'limit', '5'], /^unexpected argument "limit". Did you mean --limit\?/],
  ])('%j is refused', (argv, message) => {
    expect(mistake('history', argv)).toMatch(message)
  })
})

test('a switch takes true and false as its next word, and nothing else', () => {
  expect(readOptions(history.help, [...STORE, '--all', 'false', 'nightly'], {})).toMatchObject({
    all: false,
    task: 'nightly',
  })
  expect(mistake('run', [...STORE, '--strict', 'yes'])).toMatch(/^unexpected argument "yes"/)
})

test.each([
  [
    'run',
    STORE,
    '--task and --schedule are missing. Give --task NAME and --schedule EXPR, or set CRONLEDGER_TASK and CRONLEDGER_SCHEDULE.',
  ],
  [
    'run',
    [],
    '--store, --task and --schedule are missing. Give --store LEDGER, --task NAME and --schedule EXPR, or set CRONLEDGER_STORE, CRONLEDGER_TASK and CRONLEDGER_SCHEDULE. The ledger: dynamodb:TABLE, or file:PATH on a single machine.',
  ],
  ['run', [...STORE, '--task', '--foo'], '--task has no value. Use --task NAME.'],
  [
    'run',
    [...NIGHTLY, '--schedule', '0 3 * * *', '--schedule', '0 15 * * *'],
    "--schedule is given 2 times. Give it once. A task has one schedule, such as '0 3,15 * * *'. For two schedules, use two tasks.",
  ],
  ['run', ['-v'], 'unknown option -v. Did you mean cronledger --version?'],
  ['rerun', [...NIGHTLY, '--event-time', 'x'], 'unknown option --event-time. Did you mean --slot?'],
  ['rerun', [...NIGHTLY, '--failed'], 'unknown option --failed. Did you mean --only failed?'],
  ['rerun', [...NIGHTLY, '-f'], 'unknown option -f. Did you mean --slot?'],
  ['history', [...NIGHTLY, '--region', 'x'], 'unknown option --region. Set the variable AWS_REGION instead.'],
  ['history', [...NIGHTLY, '--profile=x'], 'unknown option --profile. Set the variable AWS_PROFILE instead.'],
  [
    'show',
    [...NIGHTLY, '--endpoint-url', 'x'],
    'unknown option --endpoint-url. Set the variable AWS_ENDPOINT_URL_DYNAMODB instead.',
  ],
])('%s %j: what to do', (command, argv, message) => {
  expect(mistake(command, argv)).toBe(message)
})

test('-v instead of a command', () => {
  expect(unknownCommand('-v', []).message).toContain('Did you mean --version?')
})

test.each(['terraform', 'cfn'])('setup --print %s: the template that Terraform deploys too', (word) => {
  expect(mistake('setup', ['--print', word])).toContain('Did you mean cloudformation? Terraform deploys it, too')
})
