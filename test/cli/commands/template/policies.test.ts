import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aws, awsEnv, hasAws } from '../../../support/aws/aws.ts'
import { deployBatch, deployLedger } from '../../../support/aws/stack.ts'
import { cronledger, type Loose, scratch } from '../../../support/cli.ts'
import { serve, WHOLE } from '../../../support/pages/serve.ts'
import { type FaultyProxy, startFaultyProxy } from '../../../support/proxy.ts'
import { type Server, startMoto } from '../../../support/servers.ts'

const folder = scratch()
const TABLE = 'dynamodb:money'
const WEEKLY = ['--task', 'weekly', '--schedule', '0 3 * * *']

/** `history` of all tasks shows the last days, which are the days of the tests. */
const ALL_DAYS = ['--since', '2026-11-19', '--until', '2026-11-24']

describe.skipIf(!hasAws)('the policy', () => {
  let server: Server
  const call = (...args: readonly string[]) => aws(server.endpoint, ...args)
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    cronledger(args, { env: { ...awsEnv(server.endpoint), ...env } })

  const ROLES = ['runner', 'auditor', 'operator'] as const
  /** As they were deployed. */
  const policies: Record<string, Loose> = {}
  let proxy: FaultyProxy

  beforeAll(async () => {
    server = await startMoto()
    proxy = await startFaultyProxy(server.endpoint)
    const ledger = await deployLedger(server.endpoint)
    const made = await deployBatch({ endpoint: server.endpoint, folder })
    const inline = ['--role-name', made['BatchRole'] ?? '', '--policy-name', 'runner']
    policies['runner'] = (await call('iam', 'get-role-policy', ...inline)).PolicyDocument
    for (const role of ['auditor', 'operator']) {
      const arn = ledger[`${role[0]?.toUpperCase()}${role.slice(1)}Policy`] ?? ''
      const reply = await call('iam', 'get-policy-version', '--policy-arn', arn, '--version-id', 'v1')
      policies[role] = reply.PolicyVersion.Document
    }
    // The daily check of the days before it finds missed slots.
    await run(['run', '--store', TABLE, ...slot('18'), '--', 'true'])
    await run(['run', '--store', TABLE, ...slot('21'), '--', 'sh', '-c', 'exit 3'])
  }, 300_000)
  afterAll(async () => {
    proxy.close()
    await server.stop()
  })

  const slot = (day: string) => [...WEEKLY, '--event-time', `2026-11-${day}T03:00:09Z`]

  const env = () => ({ AWS_ENDPOINT_URL_DYNAMODB: proxy.url })
  const recorded = new Set<string>()

  /** The requests of the commands, such as `dynamodb:Query /index/by-day`. */
  async function asked(...commands: readonly (readonly [code: number, ...args: string[]])[]) {
    const before = proxy.seen.length
    for (const [code, name = '', ...args] of commands) {
      recorded.add(name)
      const ended = await run([name, '--store', TABLE, ...args], env())
      expect(ended.code, `${name} ${args.join(' ')}: ${ended.stderr}`).toBe(code)
    }
    return callsSince(before)
  }

  /** What `serve` asks for when a person looks at each of its pages. */
  async function askedByPages() {
    const before = proxy.seen.length
    recorded.add('serve')
    const served = await serve(TABLE, { env: { ...awsEnv(server.endpoint), ...env() } })
    const overview = await fetch(served.url, WHOLE).then((page) => page.text())
    const pages = [...overview.matchAll(/href="(\/(?:task|slot)[^"]*)"/g)].map(([, path = '']) => path)
    expect(pages.map((path) => path.split('?')[0])).toEqual(expect.arrayContaining(['/task', '/slot']))
    for (const path of pages) {
      const { status } = await fetch(new URL(path.replaceAll('&amp;', '&'), served.url))
      expect({ path, status }).toEqual({ path, status: 200 })
    }
    await served.stop()
    return callsSince(before)
  }

  const callsSince = (before: number) =>
    proxy.seen.slice(before).map(({ action, indexName }) => `dynamodb:${action} ${indexName && `/index/${indexName}`}`)

  /** The requests that a policy allows, in the same form. */
  const allowed = (role: (typeof ROLES)[number]) =>
    statementsOf(role).flatMap(({ Action, Resource }) =>
      Action.map((action: string) => `${action} ${Resource.split(':table/money')[1] || null}`),
    )
  const statementsOf = (role: (typeof ROLES)[number]): readonly Loose[] =>
    policies[role]?.['Statement'].filter(({ Sid }: Loose) => ['Table', 'Index', 'After', 'AfterPrefix'].includes(Sid))

  test('the policy that is printed is that of schema/iam, for each role', async () => {
    const arn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/money'
    for (const role of ROLES) {
      const text = readFileSync(new URL(`../../../../schema/iam/${role}.json`, import.meta.url), 'utf8')
      const values: Loose = { TABLE_ARN: arn, TASK: 'nightly' }
      const filled = JSON.parse(text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? ''))
      // The stack has it only for a prefix.
      const statements = filled.Statement.filter(({ Sid }: Loose) => Sid !== 'AfterPrefix')
      expect(statementsOf(role)).toEqual(statements)
    }
  })

  test('the policy of the operator allows what the operating guide calls, and no more of AWS than that', () => {
    const guide = readFileSync(new URL('../../../../docs/guides/operating.md', import.meta.url), 'utf8')
    const shown = guide.replaceAll(/<!--.*?-->/gs, '').replaceAll('aws ecs wait', 'aws ecs describe-tasks')
    const calls = [...shown.matchAll(/aws (ecs|logs|sqs|cloudformation|scheduler) ([a-z-]+)/g)].map(
      ([, service, name = '']) =>
        service === 'logs' && name === 'tail'
          ? 'logs:FilterLogEvents'
          : `${service}:${name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())}`,
    )
    const others = policies['operator']?.['Statement'].filter((one: Loose) => !statementsOf('operator').includes(one))
    const actions = others.flatMap(({ Action }: Loose) => Action)
    expect(new Set([...calls, 'iam:PassRole'])).toEqual(new Set(actions))
  })

  test('the policy of the runner has what run asks for, and nothing else', async () => {
    const actions = await asked(
      [0, 'run', ...slot('20'), '--', 'true'],
      [0, 'run', ...slot('20'), '--', 'true'],
      [65, 'run', ...slot('21'), '--', 'true'],
      [0, 'run', ...slot('22'), '--overlap', 'wait', '--retention', '400d', '--', 'true'],
      [0, 'run', ...slot('21'), '--max-attempts', '2', '--heartbeat', '100ms', '--', 'sleep', '0.5'],
      // It looks for missed slots, so it must be about the slot of today.
      [0, 'run', ...WEEKLY, '--catch-up', '2d', '--', 'true'],
      // By aws ecs run-task, under the same role.
      [0, 'run', ...WEEKLY, '--force-slot', '2026-11-17', '--reason', 'by hand', '--', 'true'],
      [0, 'run', ...WEEKLY, '--force-slot', '2026-11-16', '--reason', 'by hand', '--overlap', 'wait', '--', 'true'],
    )
    expect(new Set(actions)).toEqual(new Set(allowed('runner')))
  })

  test('the policy of the runner allows the daily check of its task', async () => {
    const asks = await asked([1, 'check', '--task', 'weekly', ...ALL_DAYS])
    expect(allowed('runner')).toEqual(expect.arrayContaining(asks))
  })

  test('the policy of the auditor has what reading asks for, and nothing else', async () => {
    const actions = await asked(
      [0, 'history', ...ALL_DAYS],
      [0, 'history', '--task', 'weekly'],
      [0, 'history', '--task', 'weekly', '--status', 'missed', ...ALL_DAYS],
      [0, 'show', '--task', 'weekly', '--slot', 'latest'],
      [0, 'show', '--task', 'weekly', '--slot', '2026-11-21'],
      [0, 'tasks'],
      [1, 'check', '--task', 'weekly', '--since', '2026-11-19'],
      [1, 'check', '--since', '2026-11-19'],
    )
    expect(new Set([...actions, ...(await askedByPages())])).toEqual(new Set(allowed('auditor')))
  })

  test('the policy of the operator has what a person does, the reading, and nothing else', async () => {
    const actions = await asked(
      [0, 'declare', '--task', 'new', '--schedule', '0 3 * * *'],
      [0, 'rerun', '--task', 'weekly', '--slot', '2026-11-15', '--reason', 'by hand', '--', 'true'],
      [0, 'rerun', '--task', 'weekly', '--from', '2026-11-20', '--until', '2026-11-22', '--reason', 'x', '--', 'true'],
      [0, 'resolve', '--task', 'weekly', '--slot', '2026-11-19', '--state', 'skipped', '--reason', 'no data'],
      [0, 'pause', '--task', 'weekly', '--reason', 'maintenance'],
      [0, 'resume', '--task', 'weekly'],
      [0, 'pause', '--all', '--reason', 'maintenance'],
      [0, 'resume', '--all'],
      [0, 'retire', '--task', 'weekly', '--reason', 'replaced'],
      [0, 'setup', '--check'],
    )
    expect(new Set([...actions, ...allowed('auditor')])).toEqual(new Set(allowed('operator')))
  })

  test('the policy of a person who makes the table is in the guide', async () => {
    const before = proxy.seen.length
    expect(await run(['setup', '--store', 'dynamodb:fresh'], env())).toMatchObject({ code: 0 })
    const guide = readFileSync(new URL('../../../../docs/reference/ecs.md', import.meta.url), 'utf8')
    const [, needed = ''] = /without CloudFormation also needs (.*?)\./s.exec(guide) ?? []
    expect(new Set(proxy.seen.slice(before).map(({ action }) => `\`${action}\``))).toEqual(
      new Set(needed.match(/`\w+`/g)),
    )
  })

  test('the policies are compared with what each command asks for that takes a ledger', async () => {
    const { stdout } = await run(['--help'])
    const commands = [...stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name = '']) => name)
    expect(commands.filter((name) => !recorded.has(name))).toEqual(['template', 'explain', 'completion'])
  })
})
