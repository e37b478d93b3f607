import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { runKey } from '../../../src/run/slot-variables.ts'
import { AWS_PATH, aws, awsEnv, hasAws } from '../../support/aws/aws.ts'
import { commandsFrom, type Ended, type Loose, NIGHTLY, scratch } from '../../support/cli.ts'
import { eventsOf } from '../../support/processes/crowd.ts'
import { isInstalled } from '../../support/processes/programs.ts'
import { listen, startMoto } from '../../support/servers.ts'
import {
  type Service,
  startHealthchecks,
  startOpsgenie,
  startPagerDuty,
  startSentry,
  startSlack,
  startTeams,
} from './services.ts'

/*
 * The scripts that docs/guides/notifications.md lists, each against a server that answers as the service does.
 */
const SCRIPTS = new URL('../../../docs/examples/notify/', import.meta.url)
const GUIDE = readFileSync(new URL('../../../docs/guides/notifications.md', import.meta.url), 'utf8')
const hasPrograms = ['jq', 'curl'].every(isInstalled)
const SLOT = '2026-11-23T03:00:00Z'
const TODAY = Date.parse('2026-11-24T00:00:00Z')
const cronledger = commandsFrom('2026-11-24T12:00:00Z')
const KEY = runKey('nightly', Date.parse(SLOT))
/** Everything that a shell, JSON, a URL, an email or Slack could take for something else. */
const HOSTILE =
  '"; touch pwned; $(touch pwned) `touch pwned` \' \\ | & <!channel> %s $HOME 失敗した バッチ\n{"text":"x"}\r\t--help'
const HOSTILE_OPERATOR = '$(touch pwned) "O\'Brien" <@U123> 花子'

const folder = scratch()
let tests = 0
let work: string
beforeEach(() => {
  work = join(folder, `test-${++tests}`)
  cpSync(SCRIPTS, work, { recursive: true })
})

type Env = Readonly<Record<string, string>>

/** Returns functions that run commands of cronledger with the script as the notification. */
function withScript(script: string, more: Env) {
  const env = {
    CRONLEDGER_STORE: `file:${join(work, 'ledger.db')}`,
    CRONLEDGER_NOTIFY: `sh ${script}`,
    // Debian's `aws`, whatever else this machine has.
    PATH: `${AWS_PATH}:${process.env['PATH']}`,
    ...more,
  }
  const slot = [...NIGHTLY, '--event-time', SLOT, '--log', 'json']
  const cli = (...args: readonly string[]) => cronledger(args, { env, cwd: work })
  return {
    cli,
    run: (command: readonly string[], ...options: readonly string[]) =>
      cli('run', ...slot, ...options, '--', ...command),
    /** Runs a batch whose name, reason and operator are hostile. It cannot be started. */
    runHostile: () =>
      cli(
        'run',
        ...NIGHTLY,
        '--log',
        'json',
        '--force-slot',
        SLOT,
        '--reason',
        HOSTILE,
        '--by',
        HOSTILE_OPERATOR,
        '--',
        `./${HOSTILE}`,
      ),
    /** Marks the slot as completed for a hostile reason. A later trigger is a duplicate, whose message has the reason. */
    resolveHostile: () =>
      cli(
        'resolve',
        '--task',
        'nightly',
        '--slot',
        SLOT,
        '--state',
        'completed',
        '--reason',
        HOSTILE,
        '--by',
        HOSTILE_OPERATOR,
      ),
  }
}

const messageOf = (ended: Ended, event: string): string =>
  eventsOf(ended).find((line) => line['event'] === event)?.['message']
const warningsOf = (ended: Ended) =>
  eventsOf(ended).flatMap(({ event, message }) => (event === 'warning' ? [message] : []))

/** The script ran to its end, and no text was taken for a command. */
function expectHarmless(...ends: readonly Ended[]): void {
  expect(ends.flatMap(warningsOf)).toEqual([])
  expect(readdirSync(work)).not.toContain('pwned')
}

async function opened<T>(starting: Promise<Service<T>>): Promise<Service<T>> {
  const service = await starting
  onTestFinished(() => service.stop())
  return service
}

/**
 * Runs a batch that fails, then again so that it succeeds. Then checks tell two missed slots of another task, and that an operator has
 * skipped them.
 */
async function openedAndClosed(script: string, env: Env, between = async (): Promise<Ended[]> => []) {
  const { run, cli } = withScript(script, env)
  const failed = await run(['false'])
  const others = await between()
  const again = ['--force-slot', SLOT, '--reason', 'the disk was full', '--log', 'json', '--', 'true']
  const recovered = await cli('run', ...NIGHTLY, ...again)
  const slots = [0, 1].map((hour) => new Date(TODAY - (11 - hour) * 3_600_000).toISOString().replace('.000', ''))
  const stated = ['--schedule', '0 13,14 * * *', '--from', slots[0] ?? '', '--owner', 'the Web team']
  await cli('declare', 'web', ...stated)
  const check = async (code: number) =>
    expect(await cli('check', 'web', '--once', 'ops')).toMatchObject({ code, stderr: '' })
  await check(1)
  for (const slot of slots)
    await cli('resolve', '--task', 'web', '--slot', slot, '--state', 'skipped', '--reason', 'holiday')
  await check(0)
  expectHarmless(failed, ...others, recovered)
}

const shown = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

test
  .skipIf(!hasPrograms)
  .each(['slack', 'healthchecks', 'sentry', 'pagerduty', 'opsgenie', 'teams'].map((name) => [`${name}.sh`]))(
  '%s sends its message again if the service is out of order for a moment',
  async (script) => {
    const got: (readonly [string | undefined, string])[] = []
    const server = createServer(async (incoming, outgoing) => {
      const body = await text(incoming)
      got.push([incoming.url, body])
      outgoing.writeHead(got.length === 1 ? 503 : 200).end()
    })
    const { endpoint, stop } = await listen(server)
    onTestFinished(stop)
    const addresses = ['WEBHOOK_URL', 'HEALTHCHECK_URL', 'SENTRY_CRONS', 'PAGERDUTY_URL', 'OPSGENIE_URL']
    const env = Object.fromEntries(addresses.map((name) => [name, endpoint]))
    const { run } = withScript(script, { ...env, ROUTING_KEY: 'R', OPSGENIE_KEY: 'K' })
    expectHarmless(await run(['false']))
    expect(got).toEqual([got[0], got[0]])
  },
)

describe.skipIf(!hasPrograms)('Slack', () => {
  test('the message has the title, what happened and the next step', async () => {
    const { url, accepted } = await opened(startSlack())
    const { run } = withScript('slack.sh', { WEBHOOK_URL: url })
    const ended = await run(['sh', '-c', 'exit 2'])
    expect(ended.code).toBe(2)
    expectHarmless(ended)
    const [first] = eventsOf(ended).at(-1)?.['steps'] ?? []
    expect(accepted.map(({ text }) => shown(text))).toEqual([
      `*FAILED nightly 11-23 03:00 UTC: failed (exit code 2)*\n${messageOf(ended, 'failed')}\n${first.what}:\n\`\`\`${first.command}\`\`\``,
    ])
  })

  test('a failure and a problem of check are followed by a message that each is over', async () => {
    const { url, accepted } = await opened(startSlack())
    await openedAndClosed('slack.sh', { WEBHOOK_URL: url })
    expect(accepted.map(({ text }) => shown(text))).toEqual([
      expect.stringMatching(/^\*FAILED nightly 11-23 03:00 UTC: failed \(exit code 1\)\*\n/),
      expect.stringMatching(/^\*RECOVERED nightly 11-23 03:00 UTC: attempt 2 .* succeeded/),
      expect.stringMatching(
        /^\*missed · web · 2 slots · .* \(the Web team\)\*\n```missed · web .*```\nsee the commands:\n```cronledger check /s,
      ),
      expect.stringMatching(/^\*over: missed · 1 task\*\n```over: missed .*```$/s),
    ])
  })

  // promise: notification-hostile
  test('a hostile text is shown as it is, and notifies nobody', async () => {
    const { url, accepted } = await opened(startSlack())
    const { run, runHostile, resolveHostile } = withScript('slack.sh', { WEBHOOK_URL: url })
    const failed = await runHostile()
    const resolved = await resolveHostile()
    const duplicate = await run(['true'], '--notify-on', 'duplicate')
    expect([failed.code, resolved.code, duplicate.code]).toEqual([127, 0, 0])
    expectHarmless(failed, duplicate)
    const texts = accepted.map(({ text }) => text)
    expect(texts.join()).not.toMatch(/[<>]|&(?!(amp|lt|gt);)/)
    expect(texts.map(shown)).toEqual([
      expect.stringContaining(messageOf(failed, 'failed')),
      expect.stringContaining(`\n${messageOf(duplicate, 'duplicate')}`),
    ])
    expect(messageOf(duplicate, 'duplicate')).toContain('<!channel> %s $HOME 失敗した バッチ')
  })
})

describe.skipIf(!hasPrograms)('a pager', () => {
  test.each([
    ['PagerDuty', startPagerDuty, 'pagerduty.sh', 'PAGERDUTY_URL', { ROUTING_KEY: 'R0123456789abcdef0123456789abcde' }],
    ['Opsgenie', startOpsgenie, 'opsgenie.sh', 'OPSGENIE_URL', { OPSGENIE_KEY: '0123' }],
  ] as const)(
    '%s opens one alert for a slot of a run, or for a problem of a check, and closes it when that is over',
    async (_, starting, script, name, env) => {
      const { url, accepted } = await opened(starting())
      const { runHostile, cli } = withScript(script, { [name]: url, ...env })
      await openedAndClosed(script, { [name]: url, ...env }, async () => {
        // A check without --once names no alert.
        const checked = await cli('check', 'nightly', '--since', SLOT, '--until', '2026-11-23T03:00:01Z')
        expect(checked).toMatchObject({ code: 1, stderr: '' })
        return [await runHostile()]
      })
      const open = { action: 'open', key: KEY, title: expect.stringMatching(/^FAILED nightly 11-23 03:00 UTC/) }
      const key = accepted.at(-1)?.key
      const title = expect.stringMatching(/^missed · web · 2 slots · .* \(the Web team\)$/)
      expect(accepted).toEqual([
        open,
        open,
        { action: 'close', key: KEY },
        { action: 'open', key, title },
        { action: 'close', key },
      ])
    },
  )

  test('Teams shows a failure and its repair as cards, and a hostile text as it is', async () => {
    const { url, accepted } = await opened(startTeams())
    const { run, runHostile, cli } = withScript('teams.sh', { WEBHOOK_URL: url })
    const ends = [await run(['false']), await runHostile()]
    ends.push(await cli('run', ...NIGHTLY, '--force-slot', SLOT, '--reason', 'x', '--log', 'json', '--', 'true'))
    expectHarmless(...ends)
    const titles = ['FAILED nightly', 'FAILED nightly', 'RECOVERED nightly']
    expect(accepted).toEqual(
      titles.map((title, at) => [expect.stringContaining(title), eventsOf(ends[at] as Ended).at(-1)?.['message']]),
    )
  })

  test('Teams shows what a check tells, and that it is over, with the state of each group', async () => {
    const { url, accepted } = await opened(startTeams())
    await openedAndClosed('teams.sh', { WEBHOOK_URL: url })
    const missed = expect.stringMatching(/^missed · web · 2 slots · .* \(the Web team\)$/)
    const lines = [
      expect.stringMatching(/^new: missed · web · 2 slots · /),
      expect.stringMatching(/^missed · web · 2 slots · /),
    ]
    expect(accepted.slice(2)).toEqual([
      [missed, ...lines, expect.stringMatching(/^see the commands: cronledger check .* --task web /)],
      ['over: missed · 1 task', expect.stringMatching(/^over: missed · 1 task: web, /)],
    ])
  })
})

describe.skipIf(!hasAws)('SNS', () => {
  /** Starts a topic with a queue that gets its messages. */
  async function startTopic(policy?: string) {
    const server = await startMoto()
    onTestFinished(() => server.stop())
    const call = (...args: readonly string[]) => aws(server.endpoint, ...args)
    const { TopicArn: topic } = await call('sns', 'create-topic', '--name', 'batches')
    const { QueueUrl: queue } = await call('sqs', 'create-queue', '--queue-name', 'inbox')
    const account = topic.split(':')[4]
    const endpoint = `arn:aws:sqs:eu-west-1:${account}:inbox`
    await call(
      'sns',
      'subscribe',
      '--topic-arn',
      topic,
      '--protocol',
      'sqs',
      '--notification-endpoint',
      endpoint,
      ...(policy === undefined ? [] : ['--attributes', JSON.stringify({ FilterPolicy: policy })]),
    )
    return {
      env: { ...awsEnv(server.endpoint), TOPIC_ARN: topic },
      async received() {
        const answer = await call('sqs', 'receive-message', '--queue-url', queue, '--max-number-of-messages', '10')
        return (answer?.Messages ?? []).map(({ Body }: Loose) => JSON.parse(Body))
      },
    }
  }

  test('the subject is the title, and the message is the event, with a hostile text too', async () => {
    const { env, received } = await startTopic()
    const { runHostile } = withScript('sns.sh', env)
    const ended = await runHostile()
    expect(ended.code).toBe(127)
    expectHarmless(ended)
    const messages = await received()
    expect(messages).toMatchObject([
      { Subject: expect.stringMatching(/^FAILED nightly 11-23 03:00 UTC: command not found: /) },
    ])
    expect(JSON.parse(messages[0].Message)).toEqual({ title: expect.any(String), ...eventsOf(ended).at(-1) })
    expect(JSON.parse(messages[0].Message)).toMatchObject({ reason: HOSTILE, by: HOSTILE_OPERATOR })
  })

  test('a subscription may take what a check finds, and leave out that it is over', async () => {
    const { env, received } = await startTopic('{"kind":["digest"]}')
    await openedAndClosed('sns.sh', env)
    const [message, ...others] = await received()
    expect([message, others]).toMatchObject([{ Subject: expect.stringMatching(/^missed - web - 2 slots - /) }, []])
    expect(JSON.parse(message.Message)).toMatchObject({ event: 'digest', groups: [{ change: 'new', tasks: ['web'] }] })
  })

  test('the subject of the longest task name is not too long', async () => {
    const { env, received } = await startTopic()
    const { cli } = withScript('sns.sh', env)
    const task = `a${'-/._Z'.repeat(25)}`
    const ended = await cli(
      'run',
      '--task',
      task,
      '--schedule',
      '0 3 * * *',
      '--event-time',
      SLOT,
      '--log',
      'json',
      '--',
      'false',
    )
    expectHarmless(ended)
    expect(await received()).toMatchObject([{ Subject: `FAILED ${task}`.slice(0, 99) }])
  })
})

describe.skipIf(!hasAws || !hasPrograms)('EventBridge', () => {
  test('a bus gets the event as a CloudEvent, with a hostile text too', async () => {
    const server = await startMoto()
    onTestFinished(() => server.stop())
    const call = (...args: readonly string[]) => aws(server.endpoint, ...args)
    const { QueueUrl: queue } = await call('sqs', 'create-queue', '--queue-name', 'inbox')
    const pattern = JSON.stringify({ source: ['cronledger'], detail: { type: ['cronledger.failed'] } })
    await call('events', 'create-event-bus', '--name', 'batches')
    await call('events', 'put-rule', '--name', 'failed', '--event-bus-name', 'batches', '--event-pattern', pattern)
    const targets = JSON.stringify([{ Id: 'inbox', Arn: 'arn:aws:sqs:eu-west-1:123456789012:inbox' }])
    await call('events', 'put-targets', '--rule', 'failed', '--event-bus-name', 'batches', '--targets', targets)

    const { runHostile } = withScript('eventbridge.sh', {
      ...awsEnv(server.endpoint),
      EVENT_BUS: 'batches',
      CRONLEDGER_NOTIFY_FORMAT: 'cloudevents',
    })
    const ended = await runHostile()
    expectHarmless(ended)
    const { Messages } = await call('sqs', 'receive-message', '--queue-url', queue)
    const event = JSON.parse(Messages[0].Body)
    const data = eventsOf(ended).at(-1)
    expect(event).toMatchObject({ source: 'cronledger', 'detail-type': 'cronledger.failed' })
    expect(event.detail).toMatchObject({ id: `${data?.['runId']}/failed/1`, type: 'cronledger.failed', data })
    expect(event.detail.data.reason).toBe(HOSTILE)
  })
})

describe.skipIf(!hasPrograms)('healthchecks.io', () => {
  const on = { CRONLEDGER_NOTIFY_ON: /`CRONLEDGER_NOTIFY_ON=(started,\S+missed\S+)`/.exec(GUIDE)?.[1] ?? '' }

  test('a start and its success, under the key of the slot', async () => {
    const { url, accepted } = await opened(startHealthchecks())
    const { run } = withScript('healthchecks.sh', { HEALTHCHECK_URL: url, ...on })
    const ended = await run(['true'])
    expect(ended.code).toBe(0)
    expectHarmless(ended)
    expect(accepted).toEqual([
      { action: 'start', rid: KEY, body: `${messageOf(ended, 'claimed')}\n` },
      { action: 'success', rid: KEY, body: `${messageOf(ended, 'completed')}\n` },
    ])
  })

  test('neither a duplicate nor a slot that check finds is reported as a success', async () => {
    const { url, accepted } = await opened(startHealthchecks())
    const { run, cli } = withScript('healthchecks.sh', { HEALTHCHECK_URL: url })
    const runs = [await run(['false']), await run(['false'])]
    const since = ['--since', SLOT, '--until', '2026-11-24T03:00:01Z']
    const checked = await cli('check', 'nightly', ...since, '--notify-on', 'missed,failed')
    expect(checked).toMatchObject({ code: 1, stderr: '' })
    await cli('resolve', '--task', 'nightly', '--slot', SLOT, '--state', 'completed', '--reason', 'done by hand')
    const duplicate = await run(['false'], '--notify-on', 'duplicate')
    expect(duplicate.code).toBe(0)
    expectHarmless(...runs, duplicate)
    expect(accepted.map(({ action, rid }) => [action, rid])).toEqual([
      ['fail', KEY],
      ['fail', KEY],
      // A digest is about no single slot.
      ['fail', null],
      ['log', KEY],
    ])
    expect(accepted[2]?.body).toMatch(/^missed · nightly /)
  })

  // promise: notification-hostile
  test('a hostile text is the body, as it is', async () => {
    const { url, accepted } = await opened(startHealthchecks())
    const { run, runHostile, resolveHostile } = withScript('healthchecks.sh', { HEALTHCHECK_URL: url })
    const failed = await runHostile()
    await resolveHostile()
    const duplicate = await run(['true'], '--notify-on', 'duplicate')
    expectHarmless(failed, duplicate)
    expect(accepted).toEqual([
      { action: 'fail', rid: KEY, body: `${eventsOf(failed).at(-1)?.['report']}\n` },
      { action: 'log', rid: KEY, body: `${messageOf(duplicate, 'duplicate')}\n` },
    ])
  })
})

describe.skipIf(!hasPrograms)('Sentry', () => {
  const on = { CRONLEDGER_NOTIFY_ON: 'started,succeeded,failed,refused' }

  test('two check-ins with one id for an attempt that succeeds', async () => {
    const { url, accepted } = await opened(startSentry())
    const { run } = withScript('sentry.sh', { SENTRY_CRONS: url, ...on })
    const ended = await run(['true'])
    expectHarmless(ended)
    expect(accepted.map(({ status }) => status)).toEqual(['in_progress', 'ok'])
    const runId = eventsOf(ended).at(-1)?.['runId']
    for (const { id } of accepted) expect(id.replaceAll('-', '')).toBe(`${runId}000000000001`)
  })

  test('each attempt has its own id, since Sentry does not change a check-in that has ended', async () => {
    const { url, accepted } = await opened(startSentry())
    const { run, runHostile } = withScript('sentry.sh', { SENTRY_CRONS: url, ...on })
    const retries = ['--max-attempts', '2', '--retry-delay', '0ms']
    const failed = await run(['sh', '-c', 'exit 3'], ...retries)
    const refused = await run(['true'])
    const forced = await runHostile()
    expect([failed.code, refused.code, forced.code]).toEqual([3, 65, 127])
    expectHarmless(failed, refused, forced)
    expect(accepted.map(({ status }) => status)).toEqual([
      'in_progress',
      'error',
      'in_progress',
      'error',
      'error',
      'in_progress',
      'error',
    ])
    expect(new Set(accepted.map(({ id }) => id)).size).toBe(4)
  })

  test('a finding of check is not sent to Sentry', async () => {
    const { url, accepted } = await opened(startSentry())
    const { run, cli } = withScript('sentry.sh', { SENTRY_CRONS: url })
    await run(['false'], '--notify-on', 'refused')
    const checked = await cli('check', 'nightly', '--since', SLOT, '--until', '2026-11-24T03:00:01Z')
    expect(checked).toMatchObject({ code: 1, stderr: '' })
    expect(accepted).toEqual([])
  })
})

// promise: notification-fails
describe.skipIf(!hasPrograms)(
  'a service that cannot be reached changes neither the result of the batch nor its record',
  () => {
    const NOBODY = 'http://127.0.0.1:1'
    const scripts: readonly [script: string, env: Env][] = [
      ['slack.sh', { WEBHOOK_URL: NOBODY }],
      ['healthchecks.sh', { HEALTHCHECK_URL: NOBODY }],
      ['sentry.sh', { SENTRY_CRONS: NOBODY }],
      ...(hasAws ? [['sns.sh', { ...awsEnv(NOBODY), TOPIC_ARN: 'arn:aws:sns:eu-west-1:1:x' }] as [string, Env]] : []),
    ]

    test.each(scripts)(
      'a service that cannot be reached changes neither the result of the batch nor its record: %s',
      async (script, env) => {
        const { run, cli } = withScript(script, { ...env, CRONLEDGER_NOTIFY_ON: 'started,succeeded' })
        const ended = await run(['echo', 'paid'])
        expect(ended).toMatchObject({ code: 0, stdout: 'paid\n' })
        expect(warningsOf(ended)).toEqual([
          expect.stringMatching(/^2 of 2 notifications failed\. The first failure \(event started\): /),
        ])
        const { stdout } = await cli('history', 'nightly', '--status', 'recorded', '--format', 'ndjson')
        expect(JSON.parse(stdout)).toMatchObject({ state: 'COMPLETED' })
      },
    )
  },
)
