// A release, sent to servers on loopback, and then installed as docs/guides/install.md says: `.ci/release rehearse`.
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { blocksIn } from '../docs/markdown.ts'
import type { Loose } from '../support/cli.ts'
import { type Debian, makeDebian } from './debian.ts'
import { buildImages, folderOfNpm, type Images } from './podman.ts'
import { type Server, startFileServer, startImageRegistry, startNpmRegistry } from './registries.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
const RELEASE = process.env['RELEASE']
const { version, repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const [, REPOSITORY = '', OWNER = ''] = /github\.com\/((.*)\/.*)\.git$/.exec(repository.url) ?? []
const PAGE = blocksIn(new URL('../../docs/guides/install.md', import.meta.url)).filter(({ isHidden }) => !isHidden)

function lines(has: string): string {
  const found = PAGE.filter(({ text }) => text.includes(has))
  expect(found, has).toHaveLength(1)
  return found[0]?.text ?? ''
}

/** What a release and a page ask of Docker, done by buildah. A push to ghcr.io goes to the registry on loopback. */
const DOCKER = `#!/bin/bash
set -euo pipefail
here() { echo "docker://$REGISTRY/\${1#ghcr.io/}"; }
push() { buildah push --quiet --tls-verify=false "$1" "$(here "$1")"; }
case "$1 \${2-}" in
  'login ghcr.io') cat >/dev/null ;;
  'buildx create') ;;
  'buildx build')
    args=("$@") kept=() tag=
    for ((at = 2; at < $#; at++)); do
      case \${args[at]} in
        --provenance | --sbom) ((++at)) ;;
        --push) ;;
        --tag) tag=\${args[at + 1]}; kept+=(--tag) ;;
        *) kept+=("\${args[at]}") ;;
      esac
    done
    buildah build $OPTIONS "\${kept[@]}"
    push "$tag" ;;
  'buildx imagetools')
    list=localhost/list:$RANDOM
    buildah manifest create "$list"
    shift 3; tags=()
    while [ "$1" = --tag ]; do tags+=("$2"); shift 2; done
    for image; do buildah manifest add --tls-verify=false "$list" "$(here "$image")"; done
    for tag in "\${tags[@]}"; do buildah manifest push --quiet --all --tls-verify=false "$list" "$(here "$tag")"; done ;;
  *) echo "not known: docker $*" >&2; exit 1 ;;
esac
`

/** \`gh release create TAG … --notes-file FILE FILE…\` puts the files where the web server has them. */
const GH = `#!/bin/bash
set -euo pipefail
[ "$1 $2 $3" = "release create v$VERSION" ]
while [ "$1" != --notes-file ]; do shift; done
cp "$2" "$WEB/notes.md"
shift 2
cp "$@" "$WEB"
`

describe.skipIf(RELEASE === undefined)('a release that was sent to servers on loopback', () => {
  let folder: string
  let debian: () => Debian
  let images: Images
  let servers: { npm: Server; images: Server; files: Server }

  const here = (text: string) =>
    text.replaceAll('https://github.com', `http://${servers.files.host}`).replaceAll('OWNER', OWNER)
  const sumOf = (name: string) =>
    new RegExp(`^(\\w+)  ${name}$`, 'm').exec(readFileSync(join(folder, 'web/SHA256SUMS'), 'utf8'))?.[1] ?? 'none'

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cronledger-rehearsal-'))
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, 'web'))
    servers = {
      npm: await startNpmRegistry(join(folder, 'npm')),
      images: await startImageRegistry(join(folder, 'registry')),
      files: await startFileServer(join(folder, 'web')),
    }
    debian = await makeDebian(folder)
    images = await buildImages(ROOT, [])
    await publish()
  })
  afterAll(async () => {
    for (const server of Object.values(servers ?? {})) server.stop()
    await images?.remove()
    await run('rm', ['-rf', folder])
  })

  async function publish() {
    const clone = join(folder, 'clone')
    await run('git', ['-c', 'safe.directory=*', 'clone', '--quiet', '--no-hardlinks', ROOT, clone])
    cpSync(RELEASE ?? '', join(clone, 'release'), { recursive: true })
    // The other processor has a runner of its own. A script stands for its executable, and for the rest an empty file.
    const other = join(clone, `release/cronledger-${version}-linux-arm64`)
    writeFileSync(other, '#!/bin/sh\necho "for arm64: $*"\n')
    for (const name of [`cronledger-file-${version}-linux-arm64.node`, `cronledger_${version}_arm64.deb`])
      writeFileSync(join(clone, 'release', name), '')
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const program = (name: string, text: string) => writeFileSync(join(bin, name), text, { mode: 0o755 })
    program('docker', DOCKER)
    program('gh', GH)
    writeFileSync(join(folder, 'npmrc'), `//${servers.npm.host}/:_authToken=none\n`)
    const env = {
      ...images.env,
      OPTIONS: images.options.join(' '),
      PATH: `${bin}:${process.env['PATH']}`,
      GITHUB_REPOSITORY: REPOSITORY,
      GITHUB_REF_NAME: `v${version}`,
      GITHUB_ACTOR: 'nobody',
      TOKEN: 'none',
      REGISTRY: servers.images.host,
      VERSION: version,
      WEB: join(folder, 'web'),
      npm_config_registry: `http://${servers.npm.host}`,
      npm_config_userconfig: join(folder, 'npmrc'),
      npm_config_ignore_scripts: 'true',
    }
    const shell = (script: string) =>
      run('bash', ['-eo', 'pipefail', '-c', script], { cwd: clone, env, maxBuffer: 2 ** 26 })
    const { jobs }: Loose = parse(readFileSync(join(clone, '.github/workflows/release.yml'), 'utf8'))
    const commandsOf = (job: string): string[] => jobs[job].steps.flatMap((step: Loose) => step['run'] ?? [])
    for (const command of commandsOf('images')) await shell(command)
    const arm64 = `FROM scratch\nCOPY cronledger-${version}-linux-arm64 /cronledger\n`
    for (const tag of [version, `binary-${version}`])
      await shell(
        `echo '${arm64}' >arm64 && docker buildx build --file arm64 --platform linux/arm64 --tag ghcr.io/${REPOSITORY}:${tag}-arm64 release`,
      )
    // Only GitHub can sign.
    for (const command of commandsOf('publish')) await shell(command.replace(' --provenance', ''))
  }

  /** Debian with the Node of this machine and npm, which asks the registry on loopback. */
  function withNode(): Debian {
    const made = debian()
    const local = made.file('usr/local')
    cpSync(process.execPath, join(local, 'bin/node'))
    cpSync(folderOfNpm(), join(local, 'lib/node_modules/npm'), { recursive: true })
    for (const name of ['npm', 'npx'])
      symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name))
    mkdirSync(made.file('root'))
    writeFileSync(made.file('root/.npmrc'), `registry=http://${servers.npm.host}\n`)
    return made
  }

  async function installs(made: Debian, text: string): Promise<void> {
    cpSync(join(ROOT, '.ci/run-twice'), made.file('run-twice'))
    const printed = await made.run(`cd ~\n${here(text)}\nmkdir empty\ncd empty\n/run-twice cronledger`)
    expect(printed).toContain(`cronledger ${version} (Node `)
    expect(printed).toContain('1 slot: 1 completed; 1 rejected')
  }

  test('npm install makes a cronledger that runs a batch once', () =>
    installs(withNode(), lines('npm install --global cronledger\ncronledger')))

  test('npx shows the help in a host that has not installed it', async () => {
    expect(await withNode().run(`cd ~\nnpx cronledger help`)).toMatch(/^cronledger runs|^Usage/m)
  })

  test('the executable of the page passes its checksum, and runs a batch once on a file', () =>
    installs(debian(), lines('arch=$(uname')))

  test('the lines for the executable install that of arm64 there', async () => {
    const made = debian()
    mkdirSync(made.file('usr/local/bin'), { recursive: true })
    writeFileSync(made.file('usr/local/bin/uname'), '#!/bin/sh\necho aarch64\n', { mode: 0o755 })
    expect(await made.run(`cd ~\n${here(lines('arch=$(uname'))}\ncronledger run`)).toContain('for arm64: run')
  })

  test('the Debian package of the page passes its checksum, and runs a batch once', () =>
    installs(debian(), lines('arch=$(dpkg')))

  test('the lines in the notes of the release install what they say, for both processors', async () => {
    const notes = readFileSync(join(folder, 'web/notes.md'), 'utf8')
    const [x64 = '', arm64 = ''] = notes.split('### On ').slice(1)
    for (const part of [x64, arm64]) {
      const [executable = '', deb = ''] = [...part.matchAll(/```sh\n(curl[^`]*)```/g)].map(([, text]) => text ?? '')
      const printed = await debian().run(`cd ~\n${here(executable)}\ncronledger --version`)
      expect(printed).toContain(part === x64 ? `cronledger ${version} (` : 'for arm64: --version')
      if (part === x64)
        expect(await debian().run(`cd ~\n${here(deb)}\ncronledger --version`)).toContain(`cronledger ${version} (`)
    }
  })

  test.each(['COPY --from', 'ADD --checksum'])('%s puts the executable into the image of a batch', async (line) => {
    const name = `cronledger-${version}-linux-x64`
    const text = here(lines(line)).replace('sha256:SUM', `sha256:${sumOf(name)}`)
    const context = mkdtempSync(join(folder, 'batch-'))
    const config = join(context, 'registries.conf')
    writeFileSync(config, `[[registry]]\nprefix = "ghcr.io"\nlocation = "${servers.images.host}"\ninsecure = true\n`)
    writeFileSync(join(context, 'Dockerfile'), `FROM ${images.base}\n${text}RUN cronledger --version\n`)
    const { stdout } = await run('buildah', ['build', ...images.options, context], {
      env: { ...images.env, CONTAINERS_REGISTRIES_CONF: config },
    })
    expect(stdout).toContain(`cronledger ${version} (Node `)
  })

  test('the action installs the executable of the page', async () => {
    const name = `cronledger-${version}-linux-x64`
    const address = here(lines('ADD --checksum'))
      .split(' ')
      .find((word) => word.startsWith('http'))
    const { runs }: Loose = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8'))
    const temp = mkdtempSync(join(folder, 'runner-'))
    const env = {
      RUNNER_TEMP: temp,
      GITHUB_PATH: join(temp, 'path'),
      EXECUTABLE: address,
      SHA256: sumOf(name),
    }
    await run('bash', ['-eo', 'pipefail', '-c', runs.steps[0].run], { env: { PATH: process.env['PATH'], ...env } })
    const bin = readFileSync(env.GITHUB_PATH, 'utf8').trim()
    expect((await run(join(bin, 'cronledger'), ['--version'])).stdout).toContain(`cronledger ${version} (Node `)
  })

  test('the Debian package runs a batch once by its units, and no upgrade, removal or purge takes the ledger', async () => {
    const { file, run: inDebian } = debian()
    const name = `cronledger_${version}_amd64.deb`
    cpSync(join(RELEASE ?? '', name), file('old.deb'))
    // The next version, without the time that its compression takes.
    const next = join(folder, 'next')
    await run('dpkg-deb', ['--raw-extract', file('old.deb'), next])
    const control = readFileSync(join(next, 'DEBIAN/control'), 'utf8')
    writeFileSync(join(next, 'DEBIAN/control'), control.replace(`Version: ${version}`, `Version: ${version}.1`))
    await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', next, file('new.deb')])
    const printed = await inDebian(story(), true)
    expect(printed.split('\n')).toEqual([
      'history',
      'CRONLEDGER(1)',
      'active',
      '1 slot: 1 completed; 1 rejected',
      'two  words; 2026-11-24',
      '1 slot: 1 completed; 0 rejected',
      `installed ${version}.1`,
      '1 slot: 1 completed; 2 rejected',
      'removed: /etc/cronledger/nightly.env /var/lib/cronledger/ledger.db',
      'purged: /etc/cronledger/nightly.env /var/lib/cronledger/ledger.db',
      '',
    ])
  })
})

const story = () => `
quietly() { "$@" >/dev/null 2>/tmp/error || { cat /tmp/error >&2; exit 1; }; }
quietly apt-get install --yes /old.deb
bash -c '. /usr/share/bash-completion/bash_completion
_comp_load cronledger
COMP_WORDS=(cronledger hist) COMP_CWORD=1 COMP_LINE="cronledger hist" COMP_POINT=15
_cronledger cronledger hist cronledger
echo $COMPREPLY'
man cronledger >/manual
awk 'NR == 1 { print $1 }' /manual

${lines('sudo install -m 600 /usr/share/doc').replace(' | sudo tee ', ' | sudo tee >/dev/null ').replaceAll('$', '\\$')}
cat >>/etc/cronledger/nightly.env <<'END'
CRONLEDGER_EVENT_TIME=2026-11-23T18:00:00Z
BATCH='echo "two  words; $CRONLEDGER_RUN_DATE" | cat >>/ran'
END
systemd-analyze verify cronledger@nightly.timer cronledger@nightly.service
systemctl is-active cronledger@nightly.timer

started() {
  systemctl start --wait cronledger@nightly
  cronledger history nightly --store file:/var/lib/cronledger/ledger.db --status recorded | tail -n 1
}
echo 'CRONLEDGER_SCHEDULE="0 3 * * *"' >/etc/cronledger/nobatch.env
if systemctl start --wait cronledger@nobatch; then exit 1; fi
rm /etc/cronledger/nobatch.env
left() { echo "$1:" /etc/cronledger/* /var/lib/cronledger/*.db; }
systemctl start --wait cronledger@nightly
started
cat /ran
cp /etc/cronledger/nightly.env /etc/cronledger/imp-acme.env
systemctl start --wait "$(systemd-escape --template cronledger@.service imp/acme)"
cronledger history imp/acme --store file:/var/lib/cronledger/ledger.db --since 2026-11-24 --until 2026-11-24 | tail --lines 1
rm /etc/cronledger/imp-acme.env
quietly apt-get install --yes /new.deb
dpkg-query --show --showformat 'installed \${Version}\\n' cronledger
started
quietly apt-get remove --yes cronledger
[ ! -e /usr/bin/cronledger ]
left removed
quietly apt-get install --yes /new.deb
quietly apt-get purge --yes cronledger
left purged
`
