import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkPlatform, unknownCommand } from '../../../src/cli/command-line.ts'
import { COMMANDS } from '../../../src/cli/command-table.ts'
import { readOptions } from '../../../src/cli/options/arguments.ts'
import { optionOfBatchWarning, shellWordWarning } from '../../../src/cli/options/mistakes.ts'
import { unknownTopic } from '../../../src/cli/topics.ts'

// Other mistakes are in ../stories/mistakes.txt.

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

test.each([
  ['run', ['--retries', '3'], '--retries. Did you mean --max-attempts?'],
  ['run', ['--retry', '3'], '--retry. Did you mean --max-attempts?'],
  ['run', ['--region', 'x'], '--region. Set the variable AWS_REGION.'],
  ['run', ['--cron', 'x'], '--cron. Did you mean --schedule?'],
  ['check', ['--cron', 'x'], '--cron. The schedule is that of the task record: cronledger tasks NAME'],
  ['pause', ['--for', '2h'], '--for. Did you mean --until?'],
  ['history', ['--last', '3'], '--last. Did you mean --limit?'],
  ['history', ['--from', '7d'], '--from. Did you mean --since?'],
  ['history', ['--csv'], '--csv. Did you mean --format csv?'],
  ['history', ['--output', 'json'], '--output. Did you mean --format?'],
  ['rerun', ['--event-time', 'x'], '--event-time. Did you mean --slot?'],
  ['run', ['--log-format', 'json'], '--log-format. Did you mean --log?'],
  ['run', ['--output', 'json'], '--output. Did you mean --log?'],
  ['pause', ['--output', 'json'], '--output. Did you mean --json?'],
  ['check', ['--json-output'], '--json-output. Did you mean --json?'],
  ['run', ['--exit-code', '3'], '--exit-code. Did you mean --exit-on-duplicate?'],
  ['rerun', ['--skew', '1s'], '--skew. Only run has it: cronledger run … --force-slot SLOT --skew … -- ./batch.sh'],
  ['rerun', ['--skw', '1s'], '--skw. See cronledger rerun --help.'],
  ['rerun', ['--dry'], '--dry. Did you mean --dry-run?'],
  ['run', ['--max', '3'], '--max. Did you mean --max-lateness or --max-attempts?'],
  ['run', ['--interval', '5m'], '--interval. Did you mean --schedule?'],
  ['run', ['--wait'], '--wait. Did you mean --overlap wait?'],
  ['run', ['--backoff-limit', '3'], '--backoff-limit. Did you mean --max-attempts?'],
  ['run', ['--quiet'], '--quiet. Did you mean --log quiet?'],
  ['check', ['--ledger', 'x'], '--ledger. Did you mean --store?'],
  ['run', ['--on-error', 'x'], '--on-error. See cronledger run --help.'],
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
])('the unknown option %s %j', async (name, argv, message) => {
  const { help } = (await COMMANDS[name]?.()) ?? expect.unreachable()
  expect(() => readOptions(help, ['--store', 'file:ledger.db', ...argv], {})).toThrow(`unknown option ${message}`)
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

test('a system other than Linux: run says so, and package.json and the promises say the same', () => {
  expect(() => checkPlatform('run', 'linux')).not.toThrow()
  expect(() => checkPlatform('run', 'darwin')).toThrow('run needs Linux (this is darwin), because it')
  const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
  expect(JSON.parse(read('package.json')).os).toEqual(['linux', 'darwin'])
  expect(read('README.md')).toContain('You need Linux')
  expect(read('docs/explanation/promises.md')).toContain('`run` and `rerun` refuse to start there.')
})
