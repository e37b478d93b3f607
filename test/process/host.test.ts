import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findHost, readPod } from '../../src/process/host.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import { CONTAINER, serveMetadata, TASK } from '../support/aws/ecs-metadata.ts'
import { scratch } from '../support/cli.ts'

const HOST = 'ip-10-0-2-106.ap-northeast-1.compute.internal'

async function found(container: unknown, task: unknown) {
  const { env } = await serveMetadata({ container, task })
  return findHost(env, HOST)
}

test('outside of ECS only the host is known, and nothing is asked', async () => {
  expect(await findHost({}, HOST)).toEqual({ host: { host: HOST }, place: null })
  const elsewhere = { ECS_CONTAINER_METADATA_URI_V4: '', CRONLEDGER_ECS_NETWORK: 'no' }
  expect(await findHost(elsewhere, HOST)).toEqual({ host: { host: HOST }, place: null })
})

test('the container and the task are asked for at the same time', async () => {
  const { asked, env } = await serveMetadata({})
  expect(await findHost(env, HOST)).toEqual(FARGATE)
  expect(asked.sort()).toEqual(['/v4/abc', '/v4/abc/task'])
})

const network = (value: object) => JSON.stringify({ awsvpcConfiguration: value })
const withNetwork = async (value: string) =>
  findHost({ ...(await serveMetadata({})).env, CRONLEDGER_ECS_NETWORK: value }, HOST)

test.each([
  [{ subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: 'ENABLED' }],
  [{ assignPublicIp: 'DISABLED', securityGroups: [''], subnets: ['subnet-1', 'subnet-2'] }],
])('the network of the task, which no metadata has is that of the variable: %j', async (value) => {
  const { place, warning } = await withNetwork(network(value))
  const { subnets, securityGroups, assignPublicIp } = value
  const groups = securityGroups.filter(Boolean)
  const expected = { subnets, ...(groups.length > 0 && { securityGroups: groups }), assignPublicIp }
  expect([place, warning]).toEqual([{ ...FARGATE.place, network: network(expected) }, undefined])
})

test.each([
  'subnet-1',
  '{}',
  network({ subnets: [] }),
  network({ subnets: 'subnet-1' }),
  network({ subnets: ['subnet-1'], assignPublicIp: true }),
  network({ subnets: Array(100).fill('subnet-0123456789abcdef0') }),
])(
  'the network of the task, which no metadata has is left out with a warning if the variable has another value: %s',
  async (value) => {
    const { place, warning } = await withNetwork(value)
    expect(place).toEqual(FARGATE.place)
    expect(warning).toMatch(/^CRONLEDGER_ECS_NETWORK is ".*", which is not the network of a task/)
  },
)

test('an ECS task on an EC2 instance has a short name of the cluster, and the network of the instance', async () => {
  const ec2 = { ...CONTAINER, Networks: [{ NetworkMode: 'bridge', IPv4Addresses: ['172.17.0.2'] }] }
  const { awsvpc: _, ...facts } = FARGATE.place
  const onEc2 = await found(ec2, { ...TASK, Cluster: 'batch', LaunchType: 'EC2' })
  expect(onEc2.place).toEqual({ ...facts, launchType: 'EC2' })
  const { LaunchType, ...before1_45 } = { ...TASK, Cluster: 'batch' }
  const { launchType, ...without } = facts
  expect((await found(ec2, before1_45)).place).toEqual(without)
})

test('a task on an EC2 instance may have a network interface of its own', async () => {
  expect((await found(CONTAINER, { ...TASK, LaunchType: 'EC2' })).place).toMatchObject({ awsvpc: true })
})

test('an ARN without a cluster: the metadata has it', async () => {
  const arn = 'arn:aws-cn:ecs:cn-north-1:123456789012:task/158d1c8083dd49d6b527399fd6414f5c'
  const { host, place: facts } = await found(CONTAINER, { ...TASK, TaskARN: arn, Cluster: 'batch' })
  expect(host.ecsTask).toBe(arn)
  expect(facts).toMatchObject({ region: 'cn-north-1', cluster: 'batch' })
})

describe('the log', () => {
  const { logGroup, logStream, ...others } = FARGATE.place
  const withLog = (log: object) => found({ ...CONTAINER, ...log }, TASK)
  const options = CONTAINER.LogOptions

  test.each([
    ['another log driver', { LogDriver: 'awsfirelens', LogOptions: { Name: 'cloudwatch' } }],
    ['another log driver with options of the same names', { LogDriver: 'my-driver' }],
    ['a log in another Region', { LogOptions: { ...options, 'awslogs-region': 'us-east-1' } }],
    ['no log options, as before agent 1.45.0', { LogDriver: undefined, LogOptions: undefined }],
  ])('the log is left out for %s', async (_, log) => {
    expect((await withLog(log)).place).toEqual(others)
  })

  test('the log has no stream if the metadata has none, or one that the row could not keep', async () => {
    const { 'awslogs-stream': _, ...without } = options
    for (const LogOptions of [without, { ...without, 'awslogs-stream': 'cronledger/batch/' }])
      expect((await withLog({ LogOptions })).place).toEqual({ ...others, logGroup })
  })
})

test.each([
  ['the container does not answer in time', null, TASK],
  ['the answer about the container is not an object', 'no', TASK],
  ['the container has no name', { ...CONTAINER, Name: '' }, TASK],
  ['the task has no family', CONTAINER, { ...TASK, Family: undefined }],
  ['the task has no revision', CONTAINER, { ...TASK, Revision: 7 }],
  ['the names are too long for a row', { ...CONTAINER, Name: 'c'.repeat(255) }, { ...TASK, Family: 'f'.repeat(255) }],
])('%s, and the ARN of the task is known', async (_, container, task) => {
  expect(await found(container, task)).toEqual({ host: FARGATE.host, place: 'unknown' })
})

// promise: on-ecs
test.each([
  ['has no ARN', {}],
  ['has an ARN that is too long', { ...TASK, TaskARN: `${TASK.TaskARN}${'0'.repeat(400)}` }],
  ['does not come in time', null],
])('the answer about the task %s', async (_, task) => {
  expect(await found(CONTAINER, task)).toEqual({ host: { host: HOST }, place: 'unknown' })
})

test('the endpoint cannot be reached', async () => {
  const env = { ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:1/v4/abc' }
  expect(await findHost(env, HOST)).toEqual({ host: { host: HOST }, place: 'unknown' })
})

describe('in a Pod', () => {
  const folder = scratch()
  const KUBERNETES = { KUBERNETES_SERVICE_HOST: '10.96.0.1' }
  const pod = 'nightly-29400000-x7k2p'
  const nightly = { kind: 'kubernetes', namespace: 'batch', cronJob: 'nightly', job: 'nightly-29400000', pod }

  /** The files of a service account in a cluster with this certificate authority. */
  function accountIn(authority: string): string {
    const account = join(folder, authority)
    mkdirSync(account, { recursive: true })
    writeFileSync(join(account, 'namespace'), 'batch')
    writeFileSync(join(account, 'ca.crt'), authority)
    return account
  }

  // promise: on-kubernetes
  test('a Pod of a CronJob: its host name and the files of its service account say what it is', () => {
    const [one, other] = ['one', 'other'].map((authority) => readPod(KUBERNETES, pod, accountIn(authority)).place)
    expect(one).toEqual({ ...nightly, clusterId: '7692c3ad3540' })
    expect(other).toEqual({ ...nightly, clusterId: 'd9298a10d1b0' })
    const byHand = 'nightly-1796036506-x7k2p'
    expect(readPod(KUBERNETES, byHand, accountIn('one')).place).toMatchObject({ cronJob: 'nightly', pod: byHand })
  })

  test('a Pod without a service account: the variable says its namespace, and the container too', async () => {
    const CRONLEDGER_POD = `batch/nightly-29400000/${pod}/main`
    expect(readPod({ CRONLEDGER_POD }, HOST, '/nowhere').place).toEqual({ ...nightly, container: 'main' })
    const { host, place } = await findHost({ ...KUBERNETES, CRONLEDGER_POD }, HOST)
    expect([host, place]).toMatchObject([{ host: HOST }, { ...nightly, container: 'main' }])
  })

  test.each(['nightly-29400000', 'runner-x7k2p', 'web-5d8f9c7b6-x7k2p', 'nightly-manual-1-x7k2p', HOST])(
    'a Pod that no CronJob made, as %s, has no place for a Job',
    (host) => {
      expect(readPod(KUBERNETES, host, accountIn('one'))).toEqual({ place: null })
      expect(readPod({}, pod, accountIn('one'))).toEqual({ place: null })
      expect(readPod(KUBERNETES, pod, '/nowhere')).toEqual({ place: null })
    },
  )

  test.each([
    '$(POD_NAMESPACE)/$(JOB_NAME)/$(POD_NAME)/batch',
    'batch',
    'batch/a/b/c/d',
    'batch/a b/c',
    `a/${'b'.repeat(64)}/c`,
  ])('a variable that is not a Pod is a warning: %s', (CRONLEDGER_POD) => {
    const { place, warning } = readPod({ ...KUBERNETES, CRONLEDGER_POD }, pod, accountIn('one'))
    expect(place).toBeNull()
    expect(warning).toContain('CRONLEDGER_POD is "')
  })
})
