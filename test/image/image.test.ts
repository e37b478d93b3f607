// The images of the Dockerfile, built and run for real, on a DynamoDB server of this machine.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cronledger, type Loose } from '../support/cli.ts'
import { CREDENTIALS, REGION, type Server, startDynalite } from '../support/servers.ts'
import { buildImages, type Images, whyNot } from './podman.ts'

const reason = whyNot()
if (reason !== null) process.stderr.write(`the images are NOT tested here: ${reason}\n`)

const STRICT = ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges', '--user', '12345']

/** A batch that writes and waits. Its first line says whose child it is. */
const BATCH = `import os, signal, sys, time
def told(number, frame):
    print('told', flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, signal.SIG_IGN if 'deaf' in sys.argv else told)
print('parent', os.getppid(), 'user', os.getuid(), 'slot', os.environ['CRONLEDGER_RUN_SLOT'], flush=True)
if len(sys.argv) > 1: time.sleep(600)
`

/** Makes 20 orphans that end at once, and waits until their parent has collected them. */
const ORPHANS = `import os, time
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.wait()
def zombies():
    states = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try: states.append(open('/proc/' + pid + '/stat').read().rpartition(') ')[2][0])
        except FileNotFoundError: pass
    return states.count('Z')
end = time.monotonic() + 10
while zombies() and time.monotonic() < end: time.sleep(0.05)
print('parent', os.getppid() > 1, 'zombies', zombies(), flush=True)
`

describe.skipIf(reason !== null)('the image', () => {
  let images: Images
  let server: Server
  let env: Record<string, string>
  const batch = 'localhost/batch:test'

  beforeAll(async () => {
    server = await startDynalite()
    env = {
      AWS_ENDPOINT_URL_DYNAMODB: server.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      CRONLEDGER_STORE: 'dynamodb:cronledger',
      CRONLEDGER_SCHEDULE: '0 3 * * *',
      CRONLEDGER_EVENT_TIME: '2026-11-24T03:00:00Z',
    }
    expect(await cronledger(['setup'], { env })).toMatchObject({ code: 0 })
    images = await buildImages(fileURLToPath(new URL('../..', import.meta.url)))
    // A batch that knows nothing of Node.
    await images.build(
      batch,
      `FROM ${images.base}
COPY --from=${images.binary} /cronledger /usr/local/bin/cronledger
ENTRYPOINT ["cronledger", "run", "--"]
CMD ["python3", "-c", ${JSON.stringify(BATCH)}]
`,
    )
  })
  afterAll(async () => {
    await images?.remove()
    await server?.stop()
  })

  const options = (task: string) => {
    const set = Object.entries({ ...env, CRONLEDGER_TASK: task }).flatMap(([name, value]) => [
      '--env',
      `${name}=${value}`,
    ])
    return ['--network', 'host', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', ...set]
  }
  const rowOf = async (task: string): Promise<Loose> => {
    const { stdout } = await cronledger(['history', '--task', task, '--status', 'recorded', '--format', 'json'], {
      env,
    })
    return JSON.parse(stdout)[0]
  }

  test.each(['python', 'shell'])(
    'the example in %s runs a batch in another language once, in an image of its own',
    async (name) => {
      const example = fileURLToPath(new URL(`../../docs/examples/${name}`, import.meta.url))
      const dockerfile = readFileSync(join(example, 'Dockerfile'), 'utf8')
        .replace(/^FROM .*$/m, `FROM ${images.base}`)
        .replace('--from=cronledger:binary', `--from=${images.binary}`)
      await images.build(`localhost/${name}:test`, dockerfile, example)
      const ledger = mkdtempSync(join(tmpdir(), 'cronledger-example-'))
      const limits = ['--network', 'host', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096']
      const start = () =>
        images.podman('run', '--rm', ...limits, '--volume', `${ledger}:/ledger`, `localhost/${name}:test`)
      expect(await start()).toMatchObject({ code: 0, stderr: expect.stringContaining('attempt 1 on') })
      expect(await start()).toMatchObject({ code: 0, stderr: expect.stringContaining('duplicate trigger ignored') })
      rmSync(ledger, { recursive: true })
    },
  )

  test('the image has one user without a name, the executable as entrypoint, and labels', async () => {
    const { stdout } = await images.podman('image', 'inspect', images.runtime)
    const [{ Config, Labels }] = JSON.parse(stdout)
    expect(Config).toMatchObject({
      User: '65532:65532',
      Entrypoint: ['/usr/local/bin/tini', '--', '/usr/local/bin/cronledger'],
    })
    expect(Labels).toMatchObject({
      'org.opencontainers.image.title': 'cronledger',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    })
    const version = await images.podman('run', '--rm', ...options('none'), ...STRICT, images.runtime, '--version')
    expect(version.stdout).toMatch(/^cronledger \d+\.\d+\.\d+ \(Node v[\d.]+, AWS SDK [\d.]+, zone data \w+\)\n$/)
  })

  test('the image has a stage with nothing but the executable, the library for file ledgers and the licences', async () => {
    const { stdout } = await images.podman('image', 'mount', images.binary)
    expect(readdirSync(stdout.trim())).toEqual(['cronledger', 'cronledger-file.node', 'licences'])
    await images.podman('image', 'unmount', images.binary)
  })

  test('the image has the licences of all that it contains', async () => {
    const { stdout } = await images.podman('image', 'mount', images.runtime)
    const folder = join(stdout.trim(), 'usr/local/share/licences/cronledger')
    const texts = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')])
    await images.podman('image', 'unmount', images.runtime)
    expect(Object.fromEntries(texts)).toEqual({
      'cronledger.txt': expect.stringContaining('Apache License'),
      'node.txt': expect.stringMatching(/^Node\.js is licensed for use as follows/),
      'packages.txt': expect.stringContaining('@aws-sdk/client-dynamodb'),
      'tini.txt': expect.stringContaining('krallin/tini'),
    })
  })

  test('the image runs a batch in another language once, as PID 1, on a read-only root, without capabilities or a name', async () => {
    const start = () => images.podman('run', '--rm', ...options('nightly'), ...STRICT, batch)
    const first = await start()
    expect(first).toMatchObject({ code: 0, stdout: 'parent 1 user 12345 slot 2026-11-24T03:00:00Z\n' })
    expect(await start()).toMatchObject({ code: 0, stdout: '' })
    expect(await rowOf('nightly')).toMatchObject({
      state: 'COMPLETED',
      attempts: [{ outcome: 'succeeded' }],
      rejections: { count: 1 },
    })
  })

  test('the image ends with its batch, whatever that leaves behind', async () => {
    const script = 'sh -c "sleep 600 & true"; echo left'
    const ended = await images.podman('run', '--rm', ...options('orphans'), ...STRICT, batch, 'sh', '-c', script)
    expect(ended).toMatchObject({ code: 0, stdout: 'left\n' })
    expect(await rowOf('orphans')).toMatchObject({ state: 'COMPLETED' })
  })

  // promise: orphans
  test('the image has an init, which collects the zombies of orphans', async () => {
    const command = ['run', '--', 'python3', '-c', ORPHANS]
    const { code, stdout } = await images.podman(
      'run',
      '--rm',
      ...options('init'),
      ...STRICT,
      images.runtime,
      ...command,
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'parent True zombies 0\n' })
  })

  async function stopped(
    task: string,
    graceSeconds: string,
    words: readonly string[],
    how: readonly string[],
    image: readonly string[] = [batch],
  ) {
    const command = ['python3', '-c', BATCH, ...words]
    await images.podman('create', '--name', task, ...options(task), ...STRICT, ...how, ...image, ...command)
    await images.podman('start', task)
    await images.podman('wait', '--condition', 'running', task)
    while (!(await images.podman('logs', task)).stdout.includes('parent '));
    await images.podman('stop', '--time', graceSeconds, task)
    const { stdout } = await images.podman('wait', task)
    const logs = await images.podman('logs', task)
    return { code: Number(stdout), output: logs.stdout, row: await rowOf(task) }
  }

  test('the image passes the stop on to the batch, and records its end', async () => {
    const { code, output, row } = await stopped('polite', '30', ['wait'], [])
    expect(output).toContain('told')
    expect(code).toBe(128 + 15)
    expect(row).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted', exitCode: 3 }] })
  })

  // promise: orphans
  test('passes the stop on through its init, and ends with the same code', async () => {
    const { code, output, row } = await stopped('init-polite', '30', ['wait'], [], [images.runtime, 'run', '--'])
    expect(output).toContain('told')
    expect(code).toBe(128 + 15)
    expect(row).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted', exitCode: 3 }] })
  })

  test('the image kills a batch that ignores the stop, and records that within a stop timeout of 5 seconds', async () => {
    const { code, row } = await stopped('deaf', '15', ['deaf'], ['--env', 'CRONLEDGER_STOP_TIMEOUT=5s'])
    // 137 would be podman's kill of cronledger itself.
    expect(code).toBe(128 + 15)
    expect(row).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted', signal: 'SIGKILL' }] })
  })

  const noTour = whyNot(['podman-compose', 'nft'])
  if (noTour !== null) process.stderr.write(`the tour is NOT tested here: ${noTour}\n`)
  test.skipIf(noTour !== null)(
    'the tour loses a trigger of two hosts on PostgreSQL, finds it, and repairs it',
    async () => {
      const postgres = 'localhost/postgres:test'
      await images.buildPostgres(postgres)
      const tour = await promisify(execFile)(
        'sh',
        [fileURLToPath(new URL('../../docs/tour/tour.sh', import.meta.url))],
        {
          env: {
            ...images.env,
            COMPOSE: 'podman-compose',
            CRONLEDGER_IMAGE: images.runtime,
            POSTGRES_IMAGE: postgres,
            PAGES_PORT: '0',
          },
        },
      )
      const minute = '(\\d\\d-\\d\\d )?\\d\\d:\\d\\d UTC'
      expect(tour.stdout).toMatch(/2 slots: 2 completed; 2 rejected/)
      expect(tour.stdout).toMatch(new RegExp(`missed · invoices · ${minute}\n  was due \\d+s ago, no run is recorded`))
      expect(tour.stdout).toMatch(/paying the invoices of .*\n[\s\S]*no problems found/)
    },
  )
})
