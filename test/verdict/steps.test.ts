import { expect, test } from 'vitest'
import { runOptions } from '../../src/cli/commands/run.ts'
import { readOptions } from '../../src/cli/options/arguments.ts'
import { RUN_OPTIONS } from '../../src/cli/options/run-options.ts'
import type { Row } from '../../src/core/types.ts'
import { isPlaceholder } from '../../src/core/user-text.ts'
import { commandText } from '../../src/format/command-line.ts'
import { decisionSteps } from '../../src/verdict/situations.ts'
import { rangeSteps, repairStep, rerunStep, type Step, stateSteps } from '../../src/verdict/steps.ts'
import { ofRow, type StepTarget, targetOf } from '../../src/verdict/target.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import {
  attemptOn,
  CONTEXT,
  closed,
  FAILED,
  FORCED,
  lastWaiting,
  NOT_STARTED,
  NOW,
  ON_ECS,
  rowOn,
  rowWith,
  SUCCEEDED,
} from '../support/rows.ts'
import { overridesIn, wordsOf } from './pasted.ts'

const { slot } = CONTEXT.window
const target: StepTarget = { store: 'dynamodb:ledger', task: 'nightly', slot, place: ON_ECS }
const SLOT = '2026-11-24T03:00:00Z'
const textOf = (step: Step | undefined) => (step === undefined ? '' : commandText(step.command))

const CONTAINER = {
  CRONLEDGER_STORE: 'dynamodb:ledger',
  CRONLEDGER_TASK: 'nightly',
  CRONLEDGER_SCHEDULE: '0 3 * * *',
  CRONLEDGER_STRICT: 'true',
  CRONLEDGER_CATCH_UP: '3d',
  CRONLEDGER_OVERLAP: 'wait',
  CRONLEDGER_MAX_LATENESS: '1h',
}

async function forcedBy(command: string, environment: Readonly<Record<string, string>> = CONTAINER) {
  const env = { ...environment, ...overridesIn(command).environment }
  const values = readOptions({ name: 'run', summary: '', options: RUN_OPTIONS, examples: [] }, [], env, ['./batch.sh'])
  return runOptions(values, new AbortController().signal)
}

test('the first step of a stale slot asks ECS whether the attempt still runs, if it is known which task that is', () => {
  const { ecsTask } = FARGATE.host
  const row = rowOn(FARGATE.place, closed(rowWith({ ending: FAILED })))
  const known = { ...row, attempts: row.attempts.map((attempt) => ({ ...attempt, ecsTask })) }
  const [step] = stateSteps('see whether it has ended', { ...target, ...ofRow(known) })
  expect(textOf(step)).toBe(
    `aws ecs describe-tasks --region ap-northeast-1 --cluster batch --tasks ${ecsTask} --query 'tasks[0].lastStatus' --output text`,
  )
  expect(stateSteps('', { ...target, ...ofRow(row) })).toEqual([])
})

test('if only the ARN of the ECS task is known, the rest of the run command has placeholders, so that nothing runs on the host of the operator', () => {
  const { ecsTask } = FARGATE.host
  const context = targetOf({ ...CONTEXT, host: FARGATE.host })
  const row = closed(rowWith({ ending: FAILED }))
  const ofAttempt = ofRow({ ...row, attempts: row.attempts.map((attempt) => ({ ...attempt, ecsTask })) })
  for (const one of [context, { ...target, ...ofAttempt }]) {
    const command = textOf(rerunStep('run it again', one))
    expect(command).toMatch(
      /^aws ecs run-task --region ap-northeast-1 --cluster batch --task-definition YOUR_TASK_DEFINITION --overrides /,
    )
    expect(overridesIn(command).name).toBe('YOUR_CONTAINER')
  }
})

test('the command for a slot of another schedule replaces the schedule of the container', async () => {
  const otherSchedule = { expression: 'rate(2 days)', zone: 'Asia/Tokyo', anchor: slot }
  const command = textOf(rerunStep('run it again', { ...target, otherSchedule }))
  expect(await forcedBy(command)).toMatchObject({ schedule: 'rate(2 days)', timezone: 'Asia/Tokyo', anchor: SLOT })
  const daily = { expression: '0 3 * * *', zone: 'UTC' }
  const rate = { ...CONTAINER, CRONLEDGER_SCHEDULE: 'rate(2 days)', CRONLEDGER_ANCHOR: SLOT }
  const back = textOf(rerunStep('run it again', { ...target, otherSchedule: daily }))
  expect(await forcedBy(back, rate)).toMatchObject({ schedule: '0 3 * * *', anchor: undefined })
})

test('the run command starts the recorded task definition again, and the parser of run reads its overrides', async () => {
  const command = textOf(rerunStep('run it again', target))
  expect(wordsOf(command).slice(0, 11)).toEqual([
    'aws',
    'ecs',
    'run-task',
    '--region',
    'ap-northeast-1',
    '--cluster',
    'batch',
    '--task-definition',
    'nightly:7',
    '--launch-type',
    'FARGATE',
  ])
  expect(overridesIn(command).name).toBe('batch')
  const options = await forcedBy(command)
  expect(options.force).toMatchObject({ slot: SLOT, reason: 'YOUR REASON', by: 'ada' })
  // The rest of the run is in the environment of the container. A forced run does not catch up.
  expect(options).toMatchObject({ task: 'nightly', schedule: '0 3 * * *', overlap: 'wait', catchUpMs: undefined })
})

test('with the network of the container, only the reason is left to fill in, and an apostrophe in it is no problem', () => {
  const network = '{"awsvpcConfiguration":{"subnets":["subnet-1"],"assignPublicIp":"DISABLED"}}'
  const command = textOf(rerunStep('run it again', { ...target, place: { ...ON_ECS, network } }))
  expect(command).not.toMatch(/YOUR_|ENABLED_OR/)
  const words = wordsOf(command.replace('YOUR REASON', "it's late"))
  expect(words[words.indexOf('--network-configuration') + 1]).toBe(network)
  expect(words.slice(-4)).toEqual(['--query', '[tasks[].taskArn,failures[].reason][]', '--output', 'text'])
  const written = overridesIn(command.replace('YOUR REASON', "it's late")).environment
  expect(written).toMatchObject({ CRONLEDGER_REASON: "it's late", CRONLEDGER_BY: 'ada' })
})

test('what the ledger cannot know is a placeholder that cronledger or AWS refuses', () => {
  const command = textOf(rerunStep('run it again', target))
  expect(isPlaceholder(overridesIn(command).environment['CRONLEDGER_REASON'] ?? '')).toBe(true)
  expect(wordsOf(command)[12]).toBe(
    'awsvpcConfiguration={subnets=[YOUR_SUBNETS],securityGroups=[YOUR_SECURITY_GROUPS],assignPublicIp=ENABLED_OR_DISABLED}',
  )
})

test('only a task with a network interface of its own gets a network, and only Fargate a public IP address', () => {
  const { awsvpc: _, launchType: __, ...bare } = ON_ECS
  const commandOn = (place: StepTarget['place']) => textOf(rerunStep('run it', { ...target, place }))
  expect(commandOn({ ...bare, launchType: 'EC2' })).not.toContain('--network-configuration')
  expect(commandOn(bare)).not.toContain('--launch-type')
  // On EC2, the capacity providers of the cluster decide.
  for (const launchType of ['EC2', 'MANAGED_INSTANCES'])
    expect(commandOn({ ...bare, launchType })).not.toContain('--launch-type')
  expect(commandOn({ ...bare, launchType: 'EXTERNAL' })).toContain('--launch-type EXTERNAL')
  const onEc2 = commandOn({ ...bare, launchType: 'EC2', awsvpc: true })
  expect(onEc2).toContain('subnets=[YOUR_SUBNETS]')
  expect(onEc2).not.toContain('assignPublicIp')
})

test.each([
  ['a container', `it's $(touch /tmp/no) "a" \`b\` \\ ;&|<>*?`],
  ['a container with other characters', 'バッチ\n"'],
])('%s with characters of the shell reaches the program as one word', (_, container) => {
  const command = textOf(rerunStep('run it', { ...target, place: { ...ON_ECS, container } }))
  expect(overridesIn(command)).toEqual({ name: container, environment: expect.objectContaining({}) })
})

test('the log is that of the attempt in the row, and begins with the claim of that attempt', () => {
  const row = rowOn({ ...ON_ECS, logStream: 'cronledger/batch/earlier' }, rowWith({ ending: FAILED }))
  const [log] = decisionSteps(targetOf({ ...CONTEXT, place: ON_ECS }, row))
  expect([log?.what, textOf(log)]).toEqual([
    'check its log',
    'aws logs tail /ecs/nightly --region ap-northeast-1 --log-stream-names cronledger/batch/earlier --since 2026-11-24T03:00:05Z',
  ])
  // The line of the claim is in the log, and CloudWatch has it some milliseconds before the first output of the batch.
  const [first] = closed(row).attempts
  const waited = { ...row, attempts: [{ ...first, startedAt: NOW + 60_999, claimedAt: NOW + 999 }] } as Row
  expect(textOf(decisionSteps(targetOf(CONTEXT, waited))[0])).toContain('--since 2026-11-24T03:00:05Z')
  const waiting = lastWaiting(rowWith({}))
  expect(textOf(decisionSteps({ ...target, ...ofRow(rowOn(ON_ECS, waiting)) })[0])).toContain('03:00:05Z')
})

test('without a log in CloudWatch, the operator looks at the record', () => {
  const { logGroup: _, logStream: __, ...noLog } = ON_ECS
  const [first] = decisionSteps({ ...target, ...ofRow(rowOn(noLog, rowWith({}))) })
  expect(textOf(first)).toBe(`cronledger show --store dynamodb:ledger --task nightly --slot ${SLOT}`)
})

test('the step for several slots is rerun with the range, without a command where a place is recorded', () => {
  const [list, run] = rangeSteps(target, slot + 86_401_000).map(textOf)
  const range = `cronledger rerun --store dynamodb:ledger --task nightly --from ${SLOT} --until 2026-11-25T03:00:01Z`
  expect([list, run]).toEqual([`${range} --dry-run`, `${range} --reason 'YOUR REASON'`])
  expect(textOf(rangeSteps({ ...target, place: null }, slot + 86_401_000)[1])).toBe(
    `${range} --reason 'YOUR REASON' -- YOUR_COMMAND`,
  )
})

test('the step for several tasks is one rerun of them, side by side', () => {
  const of = (task: string | null) => textOf(repairStep({ store: 'file:a.db', task, from: slot, to: slot + 60_000 }))
  const range = "--from 2026-11-24T03:00Z --until 2026-11-24T03:01:01Z --jobs 4 --reason 'YOUR REASON'"
  expect(of(null)).toBe(`cronledger rerun --store file:a.db ${range} --all`)
  expect(of('pay/*')).toBe(`cronledger rerun --store file:a.db --task 'pay/*' ${range}`)
})

const failed = rowWith({ ending: FAILED })
const newer = { ...ON_ECS, taskDefinition: 'nightly:8' }

test('the run command of this trigger starts the batch where this process runs', () => {
  expect(textOf(rerunStep('', targetOf({ ...CONTEXT, place: newer }, rowOn(ON_ECS, failed))))).toContain('nightly:8')
  expect(textOf(rerunStep('', targetOf(CONTEXT, rowOn(ON_ECS, failed))))).toMatch(/^cronledger rerun .*YOUR_COMMAND$/)
})

test('the run command of a slot starts it where the latest scheduled run ran, or else an attempt of the slot', () => {
  expect(ofRow(rowOn(ON_ECS, failed), newer).place).toEqual(newer)
  expect(ofRow(rowOn(ON_ECS, failed), null).place).toEqual(ON_ECS)
  expect(ofRow(null, newer)).toEqual({ place: newer })
  expect(ofRow(failed).place).toBeNull()
})

test('the steps of a slot with several attempts are for where the last one ran, with the log of the last one that started', () => {
  const row = rowWith({ ending: FAILED }, { trigger: FORCED, ending: FAILED }, { ending: NOT_STARTED })
  const [first, second, third] = closed(row).attempts
  if (first === undefined || second === undefined || third === undefined) throw new Error('three attempts are needed')
  const attempts = [attemptOn(ON_ECS, first), attemptOn(newer, second), third]
  expect(ofRow({ ...row, attempts } as Row)).toEqual({ place: newer, attempt: attempts[1] })
  expect(ofRow(rowWith({ ending: NOT_STARTED })).attempt).toMatchObject({ outcome: 'notStarted' })
})

test('an operator who forced the slot from another host does not change the place', () => {
  const [first, second] = closed(rowWith({ ending: FAILED }, { trigger: FORCED, ending: FAILED })).attempts
  if (first === undefined || second === undefined) throw new Error('two attempts are needed')
  const row = { ...failed, attempts: [attemptOn(ON_ECS, first), second] } as Row
  expect(ofRow(row)).toMatchObject({ place: ON_ECS, attempt: second })
  // The log of the latest attempt is on the other host.
  expect(textOf(decisionSteps({ ...target, ...ofRow(row) })[0])).toMatch(/^cronledger show/)
})

const done = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })

test('a slot that has completed is run again with --status completed, also if a later force failed', async () => {
  const command = textOf(rerunStep('', { ...target, ...ofRow(rowOn(ON_ECS, done)) }))
  expect(overridesIn(command).environment).toMatchObject({ CRONLEDGER_STATUS: 'completed' })
  expect(textOf(rerunStep('', { ...target, ...ofRow(done) }))).toContain(`--slot ${SLOT} --status completed --reason`)
  expect(ofRow(rowWith({ ending: FAILED })).only).toBeUndefined()
})

test('a forced run that does not know the row repeats what the force said', () => {
  const only = ['failed', 'completed'] as const
  const forced = targetOf({ ...CONTEXT, trigger: FORCED, guards: { only } })
  expect(textOf(rerunStep('', forced))).toContain('--status failed,completed')
  expect(targetOf({ ...CONTEXT, guards: { only } }, rowWith({ ending: FAILED })).only).toBeUndefined()
})
