import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { isInstalled, programOnPath } from '../support/processes/programs.ts'

const run = promisify(execFile)

export const SUITE = 'trixie'
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/** The folder of the npm on PATH. A Node that comes from npm has none beside it, where `npm root --global` looks for it. */
export function folderOfNpm(): string {
  const program = programOnPath('npm')
  if (program === undefined) throw new Error('npm is not on PATH')
  // The program is bin/npm-cli.js of the package.
  return join(dirname(realpathSync(program)), '..')
}

/** Why no image can be built here; null where it can. */
export function whyNot(tools: readonly string[] = ['buildah', 'mmdebstrap', 'podman', 'runc']): string | null {
  const missing = tools.filter((tool) => !isInstalled(tool))
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`
  return process.getuid?.() === 0 ? null : 'root is needed to make base images'
}

/** The major version of Node that the Dockerfile puts into the executable. */
export function nodeOfDockerfile(project: string): string {
  const version = /^ARG NODE_IMAGE=.*node:(\d+)-/m.exec(readFileSync(join(project, 'Dockerfile'), 'utf8'))?.[1]
  if (version === undefined) throw new Error('the Dockerfile names no version of Node')
  return version
}

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Images {
  readonly binary: string
  readonly runtime: string
  readonly base: string
  /** The options of `buildah build` for a stage of the Dockerfile, with `env` as its environment. */
  readonly options: readonly string[]
  build(name: string, dockerfile: string, context?: string): Promise<void>
  readonly env: NodeJS.ProcessEnv
  /** A PostgreSQL server that asks for no password, as the official image with POSTGRES_HOST_AUTH_METHOD=trust. */
  buildPostgres(name: string): Promise<void>
  podman(...args: string[]): Promise<Result>
  remove(): Promise<void>
}

const POSTGRES = `
bin=$(echo /usr/lib/postgresql/*/bin)
mkdir /data && chown postgres /data
su postgres -c "$bin/initdb --auth=trust --encoding=UTF8 --pgdata=/data && echo 'host all all all trust' >>/data/pg_hba.conf"
exec su postgres -c "exec $bin/postgres -D /data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off"
`

/** Makes the base images of Debian's packages and a Node of npm, then the stages, in a storage of their own. */
export async function buildImages(
  project: string,
  stages: readonly ('binary' | 'runtime')[] = ['binary', 'runtime'],
): Promise<Images> {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-image-'))
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'runroot'), '--storage-driver', 'overlay']
  // A machine that may not raise its limits, as is usual in a container, cannot give podman's default ones.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096']
  const files = join(folder, 'node')
  const env = { ...process.env, PODMAN_IGNORE_CGROUPSV1_WARNING: '1' }
  const call = (command: string, ...args: string[]) => run(command, args, { env, maxBuffer: 2 ** 26 })
  const podman = (...args: string[]): Promise<Result> =>
    call('podman', ...storage, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc', ...args).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  const node = 'localhost/node:test'
  const names = { base: 'localhost/base:test', binary: 'localhost/binary:test', runtime: 'localhost/runtime:test' }
  const bases = ['--build-arg', `NODE_IMAGE=${node}`, '--build-arg', `RUNTIME_IMAGE=${names.base}`]
  const options = ['--isolation', 'chroot', '--network', 'host', ...limits]
  const buildah = (...args: string[]) => call('buildah', ...storage, 'build', ...options, '--pull-never', ...args)
  const fromText = async (name: string, dockerfile: string, context: string, ...args: string[]) => {
    const file = join(folder, 'Dockerfile')
    writeFileSync(file, dockerfile)
    await buildah('--file', file, '--tag', name, ...args, context)
  }
  const remove = async () => {
    await podman('rm', '--all', '--force', '--time', '0')
    // buildah and podman leave their storage mounted, and a mounted folder cannot be removed.
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').matchAll(/^(?:\S+ ){4}(\S+)/gm)
    const left = [...mounts].flatMap(([, path = '']) => (path.startsWith(`${folder}/`) ? path : []))
    for (const path of left.reverse()) await call('umount', '--lazy', path)
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    const made = join(folder, 'base.tar')
    // BASE_TAR: one that was kept from an earlier time. To make it takes a minute and more.
    const tar = process.env['BASE_TAR'] ?? made
    if (tar === made) await call('mmdebstrap', '--quiet', '--variant=minbase', '--include=python3-minimal', SUITE, made)
    await call('podman', ...storage, 'import', '--quiet', tar, names.base)
    rmSync(made, { force: true })
    // The version that the Dockerfile names, from npm, because no registry of images can be reached here.
    const fetched = await call(join(project, '.ci/fetch-node'), join(folder, 'fetched'), nodeOfDockerfile(project))
    const program = fetched.stdout.trim()
    cpSync(program, join(files, 'bin/node'))
    cpSync(join(dirname(program), '../LICENSE'), join(files, 'LICENSE'))
    cpSync(folderOfNpm(), join(files, 'lib/node_modules/npm'), { recursive: true })
    // The one that this machine trusts: a company's registry may have a certificate of its own.
    cpSync(CA_BUNDLE, join(files, 'ca.crt'), { dereference: true })
    const npmOnPath = 'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm'
    const trust = 'ENV NODE_EXTRA_CA_CERTS=/usr/local/ca.crt'
    await fromText(node, `FROM ${names.base}\nCOPY . /usr/local\n${npmOnPath}\n${trust}\n`, files)
    for (const target of stages) {
      await buildah('--layers', ...bases, '--target', target, '--tag', names[target], project)
    }
  } catch (error) {
    await remove()
    throw error
  }
  const build = (name: string, dockerfile: string, context = files) => fromText(name, dockerfile, context)
  const buildPostgres = async (name: string) => {
    const tar = join(folder, 'postgres.tar')
    await call('mmdebstrap', '--quiet', '--variant=minbase', '--include=postgresql', SUITE, tar)
    await call('podman', ...storage, 'import', '--quiet', tar, `${name}-base`)
    rmSync(tar)
    await build(name, `FROM ${name}-base\nENTRYPOINT ["sh", "-euc", ${JSON.stringify(POSTGRES)}]\n`)
  }
  writeFileSync(
    join(folder, 'storage.conf'),
    `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/root"\nrunroot = "${folder}/runroot"\n`,
  )
  writeFileSync(
    join(folder, 'containers.conf'),
    `[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\n`,
  )
  const conf = {
    CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
    CONTAINERS_CONF: join(folder, 'containers.conf'),
  }
  return {
    ...names,
    options: ['--layers', ...options, ...bases],
    podman,
    remove,
    build,
    buildPostgres,
    env: { ...env, ...conf },
  }
}
