/** Tries cronledger in an account of AWS and writes a report: `npm run test:account -- --image IMAGE`, again after a break, or `-- --remove`. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { removeAll, untilActive } from './remove-all.mjs'

const USAGE = 64
const POLL_MS = Number(process.env.CRONLEDGER_TEST_POLL_MS ?? 10_000)
const FIRING_LIMIT_MS = 20 * 60_000
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const schema = (name) => fileURLToPath(new URL(`../../schema/${name}`, import.meta.url))
const say = (text) => process.stdout.write(`${text}\n`)

const TEXT = { type: 'string' }
const FLAG = { type: 'boolean' }
const { values: given } = parseArgs({ options: { image: TEXT, subnets: TEXT, yes: FLAG, remove: FLAG } })
const found = readdirSync('.').find((name) => /^account-[0-9a-f]{6}\.json$/.test(name))
if (found === undefined && given.remove) fail('This folder has no account-….json: there is nothing to remove.')
if (found === undefined && !given.image)
  fail('--image is missing: an image with cronledger in it, which the account can pull.')
const region = process.env.AWS_REGION
if (!region) fail('AWS_REGION is missing: the Region in which all is made.')
const state = found === undefined ? start() : JSON.parse(readFileSync(found, 'utf8'))
const { run } = state
const file = `account-${run}.json`
const name = `cl-${run}`
const prefix = `cl${run}-`
const TASKS = { first: `first-${run}`, second: `second-${run}` }
const STACKS = { ledger: `${name}-ledger`, first: `${name}-first`, second: `${name}-second` }
const ROLES = { task: `${name}-task`, execution: `${name}-execution` }

const { Account } = await aws('sts', 'get-caller-identity').catch((error) => fail(error.stderr ?? error.message))
state.account ??= Account
if (state.region !== region || state.account !== Account)
  fail(
    `${file} was begun in account ${state.account}, Region ${state.region}. Use the same ones again, or what was made there stays.`,
  )

say(`This tries cronledger in account ${Account}, Region ${region}, run ${run}.
It makes, all with ${run} in their names: a cluster, two roles, three stacks (a table, policies, roles, a topic, a queue, a state machine, two schedules, alarms,
log groups), another queue and schedule, a copy of the table, and about 15 tasks of 0.25 vCPU, each for a minute. It removes all of it at the end.
It takes one to two hours, most of it for the first firing and for the restored table. It costs less than 1 US dollar.
It needs the permissions of an administrator. If it is broken off, start it again in this folder: it goes on. To remove only: npm run test:account -- --remove`)
if (!given.yes && !(await agrees())) {
  say('Nothing was done. To start without a question: npm run test:account -- --image IMAGE --yes')
  process.exit(USAGE)
}
save()

const STEPS = [
  ['deploy the ledger', deployLedger],
  ['deploy two batches', deployBatches],
  ['check the setup in the containers', checkSetup],
  ['wait for the schedule to fire', waitForFiring],
  ['deliver a trigger twice', duplicate],
  ['lose a trigger', loseTrigger],
  ['fail, and be told', failSlot],
  ['lose a start, and find it in the dead letters', loseStart],
  ['repair by the printed command', repair],
  ['restore the table', restore],
]
if (!given.remove) {
  for (const [what, step] of STEPS) {
    if (state.done.some((one) => one.what === what)) continue
    say(`step: ${what}`)
    const began = Date.now()
    const saw = await step().catch((error) =>
      fail(
        `${what}: ${error.message}\nThe same command tries this step again. To remove all: npm run test:account -- --remove`,
      ),
    )
    state.done.push({ what, seconds: Math.round((Date.now() - began) / 1000), saw })
    save()
  }
}
say('step: remove')
const what = { aws, name, prefix, state, save, stacks: STACKS, roles: ROLES, pollMs: POLL_MS }
const left = await removeAll(what).catch((error) =>
  fail(`remove: ${error.stderr || error.message}\nThe same command goes on: npm run test:account -- --remove`),
)
if (left.length > 0)
  fail(`Not everything was removed: ${left.join(', ')}. Start it again: npm run test:account -- --remove`)
report()
rmSync(file)

function start() {
  const { image, subnets } = given
  return { run: randomBytes(3).toString('hex'), region, image, subnets, done: [], resources: [] }
}

function save() {
  writeFileSync(file, JSON.stringify(state, null, 2))
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(USAGE)
}

async function agrees() {
  if (!process.stdin.isTTY) return false
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await lines.question('Type yes to start: ')
  lines.close()
  return answer.trim() === 'yes'
}

/** Returns the options of a command line. */
function flags(values) {
  return Object.entries(values).flatMap(([option, value]) => [`--${option}`, value])
}

async function aws(...args) {
  const { stdout } = await promisify(execFile)('aws', [...args, '--output', 'json'], { maxBuffer: 1 << 26 })
  return stdout.trim().startsWith('{') ? JSON.parse(stdout) : null
}

function cronledger(...args) {
  const options = { env: { ...process.env, CRONLEDGER_STORE: `dynamodb:${name}`, NODE_NO_WARNINGS: '1' } }
  return promisify(execFile)(process.execPath, [MAIN, ...args], options).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout, stderr }) => ({ code, stdout: `${stdout}${stderr}` }),
  )
}

function expectThat(isTrue, what, saw) {
  if (!isTrue) throw new Error(`not as expected: ${what}\n${saw}`)
}

/** A new role may not be visible everywhere yet: a first deployment that fails is done once more, after a minute. */
async function deployWithRetry(stack, template, parameters) {
  await deploy(stack, template, parameters).catch(async (error) => {
    const { StackEvents } = await aws('cloudformation', 'describe-stack-events', '--stack-name', stack)
    if (!StackEvents.some(({ ResourceStatusReason: why = '' }) => /must allow .* to assume/.test(why))) throw error
    say('A new role is not visible everywhere yet. Once more, in a minute.')
    await delay(6 * POLL_MS)
    await aws('cloudformation', 'delete-stack', '--stack-name', stack)
    await aws('cloudformation', 'wait', 'stack-delete-complete', '--stack-name', stack)
    await deploy(stack, template, parameters)
  })
}

/** Deploys a stack. A deployment that this command began before it was broken off may still be under way. */
async function deploy(stack, template, parameters) {
  for (;;) {
    const stacks = await aws('cloudformation', 'describe-stacks', '--stack-name', stack).catch(() => null)
    const status = stacks?.Stacks[0].StackStatus ?? ''
    if (/ROLLBACK_COMPLETE$|_FAILED$/.test(status))
      fail(`The stack ${stack} is ${status}: see its events, then start with --remove.`)
    // In review, it has a change set and nothing else, and takes another one.
    if (!/(?<!REVIEW)_IN_PROGRESS$/.test(status)) break
    await delay(POLL_MS)
  }
  const how = ['--template-file', schema(template), '--capabilities', 'CAPABILITY_IAM', '--no-fail-on-empty-changeset']
  await aws('cloudformation', 'deploy', '--stack-name', stack, ...how, '--parameter-overrides', ...parameters)
}

async function network() {
  const which = state.subnets
    ? ['--subnet-ids', ...state.subnets.split(',')]
    : ['--filters', 'Name=default-for-az,Values=true']
  const { Subnets } = await aws('ec2', 'describe-subnets', ...which)
  if (Subnets.length === 0) fail('The account has no default VPC: give --subnets, public ones.')
  const ofVpc = ['--filters', `Name=vpc-id,Values=${Subnets[0].VpcId}`, 'Name=group-name,Values=default']
  const { SecurityGroups } = await aws('ec2', 'describe-security-groups', ...ofVpc)
  return {
    subnets: Subnets.slice(0, 2).map(({ SubnetId }) => SubnetId),
    securityGroups: SecurityGroups.map(({ GroupId }) => GroupId),
    assignPublicIp: 'ENABLED',
  }
}

function arnOfRole(account, role) {
  return `arn:aws:iam::${account}:role/${role}`
}

async function deployLedger() {
  await aws('ecs', 'create-cluster', '--cluster-name', name)
  const roles = Object.values(ROLES).map((role) => arnOfRole(Account, role))
  const parameters = [`Table=${name}`, `FamilyPrefix=${prefix}`, `BatchRoles=${roles.join(',')}`, 'StartAgain=true']
  await deploy(STACKS.ledger, 'ledger.yaml', parameters)
  await listen(await outputsOf(STACKS.ledger))
  return `stack ${STACKS.ledger}`
}

async function outputsOf(stack) {
  const { Stacks } = await aws('cloudformation', 'describe-stacks', '--stack-name', stack)
  return Object.fromEntries(Stacks[0].Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]))
}

/** A queue gets what a mail would say. */
async function listen({ AlarmTopic }) {
  const queue = `arn:aws:sqs:${region}:${Account}:${name}-told`
  const Principal = { Service: 'sns.amazonaws.com' }
  const allow = { Effect: 'Allow', Principal, Action: 'sqs:SendMessage', Resource: queue }
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [allow] })
  const made = ['--queue-name', `${name}-told`, '--attributes', JSON.stringify({ Policy })]
  const { QueueUrl: id } = await aws('sqs', 'create-queue', ...made)
  state.told = id
  if (!state.resources.some((one) => one.id === id)) state.resources.push({ type: 'AWS::SQS::Queue', id })
  const subscription = ['--topic-arn', AlarmTopic, '--protocol', 'sqs', '--notification-endpoint', queue]
  await aws('sns', 'subscribe', ...subscription, '--attributes', 'RawMessageDelivery=true')
}

async function messageWith(queue, words, what) {
  for (const began = Date.now(); ; await delay(POLL_MS)) {
    const answer = await aws('sqs', 'receive-message', '--queue-url', queue, '--max-number-of-messages', '10')
    const found = answer?.Messages?.find(({ Body }) => Body.includes(words))
    if (found !== undefined) return found.Body
    expectThat(Date.now() - began < FIRING_LIMIT_MS, what, 'no such message came within 20 minutes')
  }
}

/** The second batch has roles of its own, and a schedule that is disabled, so that its triggers are lost. */
async function deployBatches() {
  const trust = { Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' }
  for (const role of Object.values(ROLES)) {
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: [trust] })
    await aws('iam', 'create-role', '--role-name', role, '--assume-role-policy-document', policy).catch((error) => {
      if (!/EntityAlreadyExists/.test(error.message)) throw error
    })
  }
  const runner = readFileSync(schema('iam/runner.json'), 'utf8')
    .replaceAll(/\$\{?TABLE_ARN\}?/g, `arn:aws:dynamodb:${region}:${Account}:table/${name}`)
    .replaceAll(/\$\{?TASK\}?/g, TASKS.second)
    .replaceAll(/\$\{?AFTER\}?/g, '')
  const policy = ['--policy-name', 'cronledger', '--policy-document', runner]
  await aws('iam', 'put-role-policy', '--role-name', ROLES.task, ...policy)
  // As in AmazonECSTaskExecutionRolePolicy.
  const pull = {
    Effect: 'Allow',
    Action: [
      'ecr:GetAuthorizationToken',
      'ecr:BatchCheckLayerAvailability',
      'ecr:GetDownloadUrlForLayer',
      'ecr:BatchGetImage',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ],
    Resource: '*',
  }
  const pullPolicy = JSON.stringify({ Version: '2012-10-17', Statement: [pull] })
  const execution = ['--role-name', ROLES.execution, '--policy-name', 'pull', '--policy-document', pullPolicy]
  await aws('iam', 'put-role-policy', ...execution)

  writeFileSync(
    `${file}.outputs`,
    JSON.stringify(await aws('cloudformation', 'describe-stacks', '--stack-name', STACKS.ledger)),
  )
  const { subnets, securityGroups } = await network()
  const place = `Image=${state.image} Command=sh,-c,$BATCH Variables=BATCH=true Cluster=${name} Subnets=${subnets} SecurityGroups=${securityGroups} AssignPublicIp=ENABLED`
  const own = `TaskRole=${arnOfRole(Account, ROLES.task)} ExecutionRole=${arnOfRole(Account, ROLES.execution)} ScheduleState=DISABLED`
  for (const [batch, schedule, parameters] of [
    ['first', '*/5 * * * *', place],
    ['second', '0 * * * *', `${place} ${own}`],
  ]) {
    const what = flags({ task: TASKS[batch], schedule, outputs: `${file}.outputs`, parameters })
    const { code, stdout } = await cronledger('template', 'parameters', ...what)
    expectThat(code === 0, 'template parameters exits with 0', stdout)
    writeFileSync(`${file}.parameters`, stdout)
    await deployWithRetry(STACKS[batch], 'batch.yaml', [`file://${file}.parameters`])
  }
  rmSync(`${file}.outputs`)
  rmSync(`${file}.parameters`)
  return `stacks ${STACKS.first} and ${STACKS.second}`
}

async function runTask(batch, variables, command) {
  const environment = Object.entries(variables).map(([key, value]) => ({ name: key, value }))
  const override = { name: 'batch', environment, ...(command && { command }) }
  const what = flags({
    'launch-type': 'FARGATE',
    cluster: name,
    'task-definition': `${prefix}${TASKS[batch]}`,
    'network-configuration': JSON.stringify({ awsvpcConfiguration: await network() }),
    overrides: JSON.stringify({ containerOverrides: [override] }),
  })
  const { tasks, failures } = await aws('ecs', 'run-task', ...what)
  expectThat(tasks.length === 1, 'RunTask starts a task', JSON.stringify(failures))
  const which = ['--cluster', name, '--tasks', tasks[0].taskArn]
  await aws('ecs', 'wait', 'tasks-stopped', ...which)
  const { tasks: stopped } = await aws('ecs', 'describe-tasks', ...which)
  return stopped[0].containers.find((one) => one.name === 'batch').exitCode
}

async function checkSetup() {
  const from = new Date(Date.now() - 4 * 3_600_000).toISOString()
  const codes = [
    await runTask('first', {}, ['setup', '--check', '--role', 'runner']),
    await runTask('second', {}, ['setup', '--check', '--role', 'runner']),
    await runTask('first', {}, ['declare']),
    await runTask('second', {}, ['declare', '--from', from]),
  ]
  expectThat(
    codes.every((code) => code === 0),
    'each exits with 0; see the log groups',
    codes,
  )
  return `exit codes ${codes}`
}

async function completedSlots(store = name) {
  const range = flags({ store: `dynamodb:${store}`, since: '1d', status: 'completed' })
  const { stdout } = await cronledger('history', TASKS.first, '--json', ...range)
  return stdout.startsWith('[') ? JSON.parse(stdout) : []
}

async function waitForFiring() {
  say(`waiting for the schedule of ${TASKS.first} in the group of ${STACKS.ledger}`)
  for (const began = Date.now(); ; await delay(POLL_MS)) {
    const [row] = await completedSlots()
    if (row !== undefined) {
      state.slot = row.slot
      return `slot ${row.slot}, started by Step Functions at ${row.attempts[0].startedAt}`
    }
    expectThat(Date.now() - began < FIRING_LIMIT_MS, 'the schedule fires and its run completes within 20 minutes', '')
  }
}

async function duplicate() {
  const code = await runTask('first', { CRONLEDGER_EVENT_TIME: state.slot })
  const { stdout } = await cronledger('show', TASKS.first, '--slot', state.slot, '--json')
  const { rejections, attempts } = JSON.parse(stdout)
  expectThat(
    code === 0 && rejections.count > 0 && attempts.length === 1,
    'a duplicate exits with 0 and is recorded',
    stdout,
  )
  return `exit code ${code}, ${rejections.count} duplicate recorded, 1 attempt`
}

/** Checks the slots of the second batch that are surely missed. Listings lag, so it is repeated for a minute until it finds `wanted`. */
async function checkSecond(wanted, what) {
  state.until ??= new Date(Date.now() - 20 * 60_000).toISOString()
  for (const began = Date.now(); ; await delay(POLL_MS)) {
    const { stdout } = await cronledger('check', '--task', TASKS.second, '--since', '1d', '--until', state.until)
    if (wanted.test(stdout)) return stdout
    expectThat(Date.now() - began < 60_000, what, stdout)
  }
}

async function loseTrigger() {
  return checkSecond(/missed/, 'check finds the slots without a trigger')
}

async function failSlot() {
  const range = ['--since', '1d', '--until', state.until]
  const { stdout } = await cronledger('history', TASKS.second, ...range, '--status', 'missed', '--json')
  const [{ slot }] = JSON.parse(stdout)
  const code = await runTask('second', { CRONLEDGER_EVENT_TIME: slot, BATCH: 'false' })
  expectThat(code === 1, 'the batch exits with 1', `exit code ${code}`)
  const told = await messageWith(state.told, `${prefix}${TASKS.second}`, 'the topic tells of the task that failed')
  return `${told}\n${await checkSecond(/failed/, 'check finds it')}`
}

/** A schedule without retries, whose target is not there. */
async function loseStart() {
  const { SchedulerRole, ScheduleGroup, DeadLetters, DeadLetterQueue } = await outputsOf(STACKS.ledger)
  const target = {
    Arn: `arn:aws:ecs:${region}:${Account}:cluster/${name}-gone`,
    RoleArn: SchedulerRole,
    EcsParameters: { TaskDefinitionArn: `arn:aws:ecs:${region}:${Account}:task-definition/${prefix}gone` },
    Input: JSON.stringify({ run }),
    RetryPolicy: { MaximumRetryAttempts: 0 },
    DeadLetterConfig: { Arn: DeadLetters },
  }
  const at = new Date(Date.now() + 120_000).toISOString().slice(0, 19)
  await aws(
    'scheduler',
    'create-schedule',
    '--name',
    `${name}-gone`,
    '--group-name',
    ScheduleGroup,
    '--schedule-expression',
    `at(${at})`,
    '--action-after-completion',
    'DELETE',
    '--flexible-time-window',
    'Mode=OFF',
    '--target',
    JSON.stringify(target),
  ).catch((error) => {
    if (!/ConflictException/.test(error.message)) throw error
  })
  say('waiting for the dead letter')
  return messageWith(DeadLetterQueue, run, 'a start that fails comes into the queue of dead letters')
}

async function repair() {
  const printed = /run them, the oldest first: +cronledger (rerun .*)$/m
  const checked = state.repair ?? (await checkSecond(printed, 'check prints the command that repairs'))
  state.repair = checked
  save()
  const words = printed.exec(checked)?.[1].replace('YOUR REASON', 'test:account')
  const shell = `cronledger() { "${process.execPath}" "${MAIN}" "$@"; }; cronledger ${words}`
  await promisify(execFile)('bash', ['-c', shell], {
    env: { ...process.env, CRONLEDGER_STORE: `dynamodb:${name}`, NODE_NO_WARNINGS: '1' },
  })
  return `${checked}\n${await checkSecond(/no problems found/, 'all slots are repaired')}`
}

async function restore() {
  const copy = `${name}-restored`
  const isThere = await aws('dynamodb', 'describe-table', '--table-name', copy).catch(() => null)
  if (isThere === null) {
    const until = Date.parse(state.slot) + 10 * 60_000
    while (Date.now() < until && !process.env.CRONLEDGER_TEST_POLL_MS) await delay(POLL_MS)
    await aws(
      'dynamodb',
      'restore-table-to-point-in-time',
      '--source-table-name',
      name,
      '--target-table-name',
      copy,
      '--use-latest-restorable-time',
    )
  }
  await untilActive(aws, copy, POLL_MS)
  const rows = await completedSlots(copy)
  expectThat(
    rows.some(({ slot }) => slot === state.slot),
    'the copy has the slot that completed',
    JSON.stringify(rows),
  )
  return `the copy has ${rows.length} completed slots of ${TASKS.first}`
}

function report() {
  const head = `# cronledger in an account of AWS\n\n${new Date().toISOString().slice(0, 10)}, ${region}, image ${state.image}, Node ${process.version}\n`
  const steps = state.done.map(
    ({ what, seconds, saw }) => `## ${what}\n\n${seconds} s\n\n\`\`\`text\n${saw.trim()}\n\`\`\`\n`,
  )
  const removed =
    given.remove && state.done.length < STEPS.length ? 'It was broken off, and all was removed.' : 'All was removed.'
  const path = `account-${run}.md`
  writeFileSync(path, `${[head, ...steps].join('\n').replaceAll(/\b\d{12}\b/g, '123456789012')}\n${removed}\n`)
  say(`everything was removed. The report is ${path}`)
  if (existsSync(`${file}.outputs`)) rmSync(`${file}.outputs`)
}
