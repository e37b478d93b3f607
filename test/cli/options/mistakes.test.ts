import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkBatch, checkNoBatch, checkPlatform, unknownCommand } from '../../../src/cli/command-line.ts'
import { check } from '../../../src/cli/commands/check.ts'
import { declare } from '../../../src/cli/commands/declare.ts'
import { history } from '../../../src/cli/commands/history.ts'
import { pause } from '../../../src/cli/commands/pause.ts'
import { report } from '../../../src/cli/commands/report.ts'
import { rerun } from '../../../src/cli/commands/rerun.ts'
import { resolve } from '../../../src/cli/commands/resolve.ts'
import { run } from '../../../src/cli/commands/run.ts'
import { show } from '../../../src/cli/commands/show.ts'
import { tasks } from '../../../src/cli/commands/tasks.ts'
import { readOptions } from '../../../src/cli/options/arguments.ts'
import { optionOfBatchWarning, shellWordWarning } from '../../../src/cli/options/mistakes.ts'
import type { CommandHelp } from '../../../src/cli/options/options.ts'
import { unknownTopic } from '../../../src/cli/topics.ts'
import type { Environment } from '../../../src/core/types.ts'

const STORE = ['--store', 'file:ledger.db']
const NIGHTLY = [...STORE, '--task', 'nightly']

const HELP: Readonly<Record<string, CommandHelp>> = Object.fromEntries(
  [run, rerun, history, show, check, declare, resolve, pause].map(({ help }) => [help.name, help]),
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

const WHY = "--schedule '0 3 * * *' (the shell splits the schedule at its spaces and replaces * with file names)"

test.each([
  [
    'run',
    ['--schedule', '0', '3', '*', '*', '*'],
    `"3" after --schedule 0. Put the value in quotes, for example: ${WHY}`,
  ],
  ['declare', ['--schedule', 'README.md', 'src', 'README.md'], `"src" after --schedule README.md. Put the value in q`],
  ['run', ['--schedule', 'cron(0', '4', '*', '*', '?', '*)'], `"4" after --schedule "cron(0". Put the value in quotes`],
  // A macro is complete.
  ['run', ['--schedule', '@daily', './batch.py'], 'Put the batch command after --'],
  ['resolve', ['--slot', 'latest', '--reason', 'checked', 'by', 'hand'], "quotes: --reason 'checked by hand' ("],
  // Otherwise "by" would be the task.
  ['resolve', ['--reason', 'checked', 'by', '--state', 'completed'], "quotes: --reason 'checked by' ("],
  ['check', ['--notify', 'curl', '-d', '@-', 'https://example.org'], "quotes: --notify 'curl …' ("],
  ['check', ['--notify', './tell.sh', 'it'], "quotes: --notify './tell.sh it' ("],
])('a value without quotes: %s %j', (command, argv, message) => {
  expect(mistake(command, [...STORE, ...argv])).toContain(message)
})

test('run takes its task as its first word only, since another word could become the task by mistake', () => {
  const options = [...STORE, '--schedule', '0 3 * * *']
  expect(readOptions(run.help, ['nightly', ...options], {}, ['true'])).toMatchObject({ task: 'nightly' })
  expect(mistake('run', [...options, '--strict', 'yes'], {}, ['true'])).toMatch(/^unexpected argument "yes"/)
  expect(mistake('run', [...options, 'nightly'], {}, ['true'])).toMatch(/If it is the task, use --task nightly/)
})

test.each(['https://hooks.example.org/SECRET', ' "HTTPS://hooks.example.org/SECRET" '])(
  'an address as --notify: %j',
  (address) => {
    const says =
      " is an address. It must be a shell command, such as 'curl -sSf --retry 3 --retry-max-time 8 -d @- URL' with the address for URL."
    expect(mistake('check', [...STORE, '--notify', address])).toBe(`--notify${says}`)
    expect(mistake('run', [...NIGHTLY, '--schedule', '@daily'], { CRONLEDGER_NOTIFY: address })).toBe(
      `CRONLEDGER_NOTIFY${says}`,
    )
  },
)

test('the names of a list have commas between them, and no spaces', () => {
  const argv = [...NIGHTLY, '--schedule', '@daily', '--after', 'feed rates']
  expect(mistake('run', argv, {}, ['true'])).toBe('--after "feed rates" has a space. Put commas between the tasks.')
})

test.each([
  [['./batch.py'], '"./batch.py". Put the batch command after --, for example: cronledger run … -- ./batch.py'],
  [['python', 'b.py', '-v'], '"python". Put the batch command after --, for example: cronledger run … -- python …'],
  [['a b'], '"a b". Put the batch command after --, for example: cronledger run … -- ./batch.sh'],
])('the batch command: %j without --', (words, message) => {
  expect(mistake('run', [...NIGHTLY, '--schedule', '0 3 * * *', ...words])).toBe(`unexpected argument ${message}`)
})

test.each([
  [['python3', 'b.py'], '"b.py"', 'run … -- python3 b.py. If python3 is the task: cronledger run python3 … -- b.py'],
  [
    ['nightly', './b.sh', '-v'],
    '"./b.sh"',
    'run … -- nightly ./b.sh. If nightly is the task: cronledger run nightly … -- ./b.sh',
  ],
  [['c24', '--schedule', '0 3 * * *', 'python3', 'b.py'], '"python3"', 'run … -- python3 …'],
])('the batch command of an image without -- may begin with the first word: %j', (words, word, example) => {
  expect(mistake('run', words, { CRONLEDGER_STORE: 'file:l.db', CRONLEDGER_TASK: 'nightly' })).toBe(
    `unexpected argument ${word}. Put the batch command after --, for example: cronledger ${example}`,
  )
})

test.each([
  ['show', ['nightly', '2026-12-01'], '"2026-12-01". Did you mean --slot 2026-12-01?'],
  ['show', ['nightly', 'yesterday'], '"yesterday". Did you mean --slot yesterday?'],
  ['rerun', ['nightly', '2026-12-01T03:00'], '"2026-12-01T03:00". Did you mean --slot 2026-12-01T03:00?'],
  ['resolve', ['nightly', 'latest'], '"latest". Did you mean --slot latest?'],
  ['declare', ['nightly', '0 3 * * *'], `"0 3 * * *". Did you mean --schedule '0 3 * * *'?`],
  ['run', ['nightly', '@daily'], `"@daily". Did you mean --schedule '@daily'?`],
  ['check', ['nightly', 'dynamodb:ledger'], '"dynamodb:ledger". Did you mean --store dynamodb:ledger?'],
  ['history', ['nightly', '2026-12-01'], '"2026-12-01". history takes one task name'],
])('a word that is a slot, a schedule or a ledger: %s %j', (command, argv, message) => {
  expect(mistake(command, [...argv, ...STORE])).toContain(`unexpected argument ${message}`)
})

test('the batch command is not suspected where there is a batch', () => {
  expect(mistake('rerun', [...STORE, 'nightly'], {}, ['./batch.sh'])).toBe(
    'unexpected argument "nightly". If it is the task, use --task nightly. rerun takes one task name and options. See cronledger rerun --help.',
  )
})

test.each([
  [[''], 'the batch command after -- is empty.'],
  [[' ', 'x'], 'the batch command after -- is empty.'],
  [
    ['--task', 'x'],
    '"--task" after -- is not a command. Put the options of cronledger before --, and the batch command',
  ],
  [['["python3","batch.py"]'], 'after -- is a list in JSON, not a command. Give each part as a word of its own'],
  [['/usr/bin/cronledger', 'check'], 'the batch command after -- is "cronledger check", which would take the slot'],
  [[], null],
  [['./batch.sh', '--task', 'x'], null],
  [
    ['sh', '-c', ''],
    'the script of sh -c after -- is empty. If it comes from a variable, check that the variable is set.',
  ],
  [['/bin/bash', '-lc', ' \n\t'], 'the script of bash -c after -- is empty.'],
  [['bash', '-eo', 'pipefail', '-c', ''], 'the script of bash -c after -- is empty.'],
  [['bash', '--noprofile', '-c', '-e', '--', '', 'name'], 'the script of bash -c after -- is empty.'],
  [['env', 'A=1', 'dash', '+x', '-c', '# not yet\n\n'], 'the script of dash -c after -- is empty.'],
  [['busybox', 'sh', '-ec'], 'the script of sh -c after -- is empty.'],
  [['sh', '-c', 'true', ''], null],
  [['bash', '-eo', 'pipefail', '-c', '# pay\n./pay.sh'], null],
  [['sh', '-e', './batch.sh', '-c', ''], null],
  [['sh'], null],
])('the batch command: %j after --', (words, message) => {
  if (message === null) expect(() => checkBatch('run', words)).not.toThrow()
  else expect(() => checkBatch('run', words)).toThrow(message)
})

test.each([
  ['certain', ['true', '&&', './b.sh']],
  ['certain', ['./a.sh', '--all', '||', './b.sh']],
  ['certain', ['./a.sh', '2>&1']],
  ['certain', ['./a.sh', '&>', 'log']],
  ['certain', ['./a.sh', '>&2']],
  ['possible', ['true', '|', 'tee', 'log']],
  ['possible', ['./a.sh', 'x', '>', 'log']],
  ['possible', ['./a.sh', ';', './b.sh']],
  ['possible', ['./a.sh', '&']],
  ['none', ['cut', '-d', '|', 'file']],
  ['none', ['find', '.', '-type', 'f', '-exec', 'rm', '{}', ';']],
  ['none', ['sh', '-c', './a.sh && ./b.sh 2>&1 | tee log']],
  ['none', ['/usr/bin/ssh', 'db-1', 'cd', '/srv', '&&', './b.sh']],
  ['none', ['./a.sh', 'a&&b', '']],
  ['certain', ['./a.sh', '$DATE']],
  ['certain', ['./a.sh', '--day=$D_1']],
  ['none', ['awk', '{print $1}', '$5', 'a$']],
  ['none', ['jq', '-n', '$ENV']],
  ['none', ['env', 'A=1', 'sh', '-c', '$BATCH', '$DATE']],
])('a word for a shell is %s in %j', (kind, words) => {
  const word = words.map((one) => /^[\d|<>;&]+$|\$[A-Z{].*/.exec(one)?.[0]).find((one) => one !== undefined)
  const warning = expect.stringContaining(`gets "${word}" as an argument, because no shell reads it`)
  expect(shellWordWarning(words, false)).toEqual(kind === 'none' ? null : warning)
  const strict = () => shellWordWarning(words, true)
  if (kind === 'certain') expect(strict).toThrow(/ -- sh -c '… .+ …'. It is refused, because --strict is set.$/)
  else expect(strict()).toEqual(shellWordWarning(words, false))
})

test.each([
  ['--max-attempts', ['./batch.sh', '--max-attempts', '3']],
  ['--force-slot', ['./batch.sh', '--force-slot=SECRET']],
  ['--overlap', ['true', '--overlap', 'skip']],
  ['--overlap', ['true', '--overlap=wait']],
  [null, ['split.py', '--overlap', '50', '--retry-delay', '3', '--store', 'x']],
  [null, ['timeout', '--kill-after=5', '60', './batch.sh', 'max-attempts']],
  [null, ['nice', 'cronledger', 'rerun', '--max-attempts', '3']],
])('the option of cronledger behind the batch command is %s in %j', (option, words) => {
  expect(optionOfBatchWarning('run', words)).toBe(
    option &&
      `the batch command gets ${option} as an argument, where cronledger does not read it. If it is an option of cronledger, put it before --: cronledger run ${option} … -- ./batch.sh`,
  )
})

test('the batch command has an option that is missing, or belongs to a command that runs no batch', () => {
  expect(mistake('run', STORE, {}, ['./batch.sh', '--task', 'nightly'])).toBe(
    '--task is missing. It comes after --, where it is an argument of the batch. Put it before --.',
  )
  expect(() => checkNoBatch('history', ['--limit', '5'])).toThrow(
    'unexpected argument "--limit" after --. history does not run a batch. Put its options before --, or leave -- out.',
  )
})

test.each([
  ['"nightly"', 'CRONLEDGER_TASK has quotes around its value: "\\"nightly\\"". Remove them, since'],
  ["'nightly'", 'CRONLEDGER_TASK has quotes around its value: "\'nightly\'". Remove them, since'],
  ['\u201cnightly\u201d', 'CRONLEDGER_TASK has quotes around its value: "\u201cnightly\u201d". Remove them, since'],
  [
    'nightly\r',
    'CRONLEDGER_TASK ends with a carriage return: "nightly\\r". Save the file that it comes from with Unix',
  ],
])('a value as an env file has it: %j', (value, message) => {
  expect(mistake('show', STORE, { CRONLEDGER_TASK: value })).toContain(message)
})

test('a value as an env file has it is refused for every kind of option, also as a flag', () => {
  for (const argv of [['--limit', '5\r'], ['--json=true\r'], ['--format', '"json"'], ['--ledger-timeout', "'5m'"]]) {
    expect(mistake('history', [...STORE, ...argv])).toMatch(/ends with a carriage return|has quotes around its value/)
  }
})

test('a value as an env file has it may have quotes that are part of it', () => {
  const argv = [...NIGHTLY, '--slot', 'latest', '--state', 'failed', '--reason', '"no space left"']
  expect(readOptions(resolve.help, argv, {})).toMatchObject({ reason: '"no space left"' })
  expect(readOptions(check.help, STORE, { CRONLEDGER_NOTIFY: "'/opt/my tools/tell'" })).toMatchObject({
    notify: "'/opt/my tools/tell'",
  })
})

test.each([
  ['run', ['--retries', '3'], '--retries. Did you mean --max-attempts?'],
  ['run', ['--retry', '3'], '--retry. Did you mean --max-attempts?'],
  ['run', ['--region', 'x'], '--region. Set the variable AWS_REGION.'],
  ['run', ['--cron', 'x'], '--cron. Did you mean --schedule?'],
  ['pause', ['--for', '2h'], '--for. Did you mean --until?'],
  ['history', ['--last', '3'], '--last. Did you mean --limit?'],
  ['history', ['--from', '7d'], '--from. Did you mean --since?'],
  ['history', ['--csv'], '--csv. Did you mean --format csv?'],
  ['history', ['--output', 'json'], '--output. Did you mean --format?'],
  ['rerun', ['--event-time', 'x'], '--event-time. Did you mean --slot?'],
  ['run', ['--tz', 'x'], '--tz. Did you mean --timezone?'],
  ['run', ['--event_time', 'x'], '--event_time. Did you mean --event-time?'],
  ['run', ['--Task', 'x'], '--Task. Did you mean --task?'],
  ['run', ['-task', 'x'], '-task. Did you mean --task?'],
  ['run', ['--colour=red'], '--colour. See cronledger run --help.'],
  ['run', ['--event', '-'], '--event. Did you mean --event-time?'],
  ['history', ['--lmit', '5'], '--lmit. Did you mean --limit?'],
  ['history', ['\u2014store', 'x'], '\u2014store. Did you mean --store?'],
  ['run', ['\u2013', 'true'], '\u2013. Did you mean --?'],
  ['run', ['--dry-run'], '--dry-run. To try a schedule: cronledger explain.'],
  ['history', ['--to-schedule', 'x'], '--to-schedule. To see what a change of the schedule does: cronledger declare'],
])('the unknown option %s %j', (command, argv, message) => {
  expect(mistake(command, [...STORE, ...argv])).toContain(`unknown option ${message}`)
})

test('an unknown option after the task and known options is not taken for one of the batch', () => {
  expect(mistake('rerun', ['nightly', ...STORE, '--colour', 'red'])).toContain('unknown option --colour.')
  expect(mistake('run', ['python', '-m', 'job'])).toContain('-- python')
  expect(mistake('run', ['x', '--cmd', 'true'])).toContain('unknown option --cmd. Put the batch command after --')
})

test.each([
  ['histroy', [], 'Did you mean history? See cronledger --help.'],
  ['--verison', [], 'Did you mean --version? See cronledger --help.'],
  ['./batch.py', [], 'To run a batch: cronledger run … -- ./batch.py'],
  ['xyz', [], 'See cronledger --help.'],
  ['Run', [], 'Did you mean run? See cronledger --help.'],
  // The nearest name would be the opposite.
  ['unpause', [], 'See cronledger --help.'],
  ['retry', [], 'Did you mean rerun? See cronledger --help.'],
  ['revive', [], 'Did you mean resume? See cronledger --help.'],
  ['unlock', [], 'Did you mean resolve? See cronledger --help.'],
  ['list', [], 'Did you mean tasks? See cronledger --help.'],
  ['status', [], 'Did you mean check? See cronledger --help.'],
  ['logs', [], 'Did you mean show? See cronledger --help.'],
  ['init', [], 'Did you mean setup? See cronledger --help.'],
  ['version', [], 'Did you mean --version? See cronledger --help.'],
  ['validate', [], 'Did you mean setup --check? See cronledger --help.'],
  ['constructor', [], 'See cronledger --help.'],
  ['--task', ['nightly', 'history'], 'Put the command before its options: cronledger history --task …'],
  ['--store', ['file:x'], 'Put the command before its options: cronledger run --store …'],
])('the unknown command %s %j', (name, argv, hint) => {
  expect(unknownCommand(name, argv).message).toBe(`unknown command "${name}". ${hint}`)
})

test.each(['run -- python3 batch.py', 'cronledger check'])('a command line as one word: %s', (word) => {
  expect(unknownCommand(word, []).message).toBe(
    `"${word}" is one word. Give each word of the command line by itself, for example: ["run", "--", "./batch.sh"]`,
  )
})

test.each([
  ['systemd', ' See docs/guides/without-aws.md.'],
  ['cron', ' See docs/guides/without-aws.md.'],
  ['docker', ' See docs/guides/container.md.'],
  ['k8s', ' See docs/guides/other-schedulers.md.'],
  ['schedules', ' See docs/reference/schedules.md.'],
  ['exit-code', ' Did you mean exit-codes?'],
  ['env', ' Did you mean environment?'],
  ['histroy', ' Did you mean history?'],
  ['constructor', ''],
])('help about %s', (name, hint) => {
  expect(unknownTopic(name, ['history']).message).toBe(
    `there is no help about "${name}".${hint} The topics are exit-codes, environment and operating. For the commands: cronledger --help`,
  )
  const [page] = /docs\S+md/.exec(hint) ?? []
  if (page !== undefined) expect(existsSync(new URL(`../../../${page}`, import.meta.url))).toBe(true)
})

test.each([
  [['nightly', ...STORE]],
  [[...STORE, 'nightly']],
  [['nightly', ...STORE, '--task', 'nightly']],
  [['--json', 'nightly', ...STORE]],
])('the task as an argument: %j', (argv) => {
  expect(readOptions(history.help, argv, {})).toMatchObject({ task: 'nightly' })
})

test('the task as an argument takes precedence over the environment, which narrows no list', () => {
  const env = { CRONLEDGER_TASK: 'other' }
  const slot = ['--slot', '2026-11-24']
  expect(readOptions(show.help, ['nightly', ...STORE, ...slot], env)).toMatchObject({ task: 'nightly' })
  expect(readOptions(show.help, [...STORE, ...slot], env)).toMatchObject({ task: 'other' })
  const lists: readonly CommandHelp[] = [check.help, history.help, tasks.help]
  for (const help of lists) expect(readOptions(help, STORE, env)['task']).toBe(undefined)
  expect(readOptions(report.help, [...STORE, '--out', '-'], env).task).toBe(undefined)
})

test.each([
  [['nightly', ...STORE, '--task', 'other'], 'two tasks are given: "nightly" and --task "other". Use one of them.'],
  [
    ['nightly', 'other'],
    'unexpected argument "other". history takes one task name and options. See cronledger history --help.',
  ],
])('the task as an argument: %j is refused', (argv, message) => {
  expect(mistake('history', argv)).toMatch(message)
})

test('a system other than Linux: run says so, and package.json and the promises say the same', () => {
  expect(() => checkPlatform('run', 'linux')).not.toThrow()
  expect(() => checkPlatform('run', 'darwin')).toThrow('run needs Linux (this is darwin), because it')
  const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
  expect(JSON.parse(read('package.json')).os).toEqual(['linux', 'darwin'])
  expect(read('README.md')).toContain('You need Linux')
  expect(read('docs/explanation/promises.md')).toContain('`run` and `rerun` refuse to start there.')
})

test('a switch takes true and false as its next word, and nothing else', () => {
  expect(readOptions(history.help, [...STORE, '--json', 'false', 'nightly'], {})).toMatchObject({
    json: false,
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
    '--store, --task and --schedule are missing. Give --store LEDGER, --task NAME and --schedule EXPR, or set CRONLEDGER_STORE, CRONLEDGER_TASK and CRONLEDGER_SCHEDULE. A ledger is dynamodb:TABLE, postgres://USER@HOST/DATABASE or file:PATH.',
  ],
  ['run', [...STORE, '--task', '--foo'], '--task has no value. Use --task NAME.'],
  [
    'run',
    [...NIGHTLY, '--schedule', '0 3 * * *', '--schedule', '0 15 * * *'],
    "--schedule is given more than once. Give it once. A task has one schedule, such as '0 3,15 * * *'. For two schedules, use two tasks.",
  ],
])('%s %j: what to do', (command, argv, message) => {
  expect(mistake(command, argv)).toBe(message)
})

test('a variable that is nearly that of a missing option is named', () => {
  expect(mistake('show', STORE, { CRONLEDGER_TASKS: 'nightly', CRONLEDGER_LOG: 'json' })).toMatch(
    /set CRONLEDGER_TASK.*\. CRONLEDGER_TASKS, which is set, is another variable\.$/,
  )
  const env = {
    CRONLEDGER_STORE: 'file:x',
    CRONLEDGER_TASK: 'nightly',
    CRONLEDGER_SLOT: 'latest',
    CRONLEDGER_REASON: 'x',
  }
  expect(mistake('resolve', [], env)).toBe('--state is missing. Give --state STATE, or set CRONLEDGER_STATE.')
})
