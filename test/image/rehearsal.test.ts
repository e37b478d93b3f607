// A release, sent to servers on loopback, and then installed as docs/guides/install.md says: `.ci/release rehearse`.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Debian, makeDebian } from './debian.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
/** The folder with the files of the release. */
const RELEASE = process.env['RELEASE']
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

describe.skipIf(RELEASE === undefined)('a release that was sent to servers on loopback', () => {
  let folder: string
  let debian: () => Debian

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cronledger-rehearsal-'))
    debian = await makeDebian(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

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
    const printed = await inDebian(STORY, true)
    expect(printed.split('\n')).toEqual([
      'history',
      'CRONLEDGER(1)',
      '1 slot: 1 completed; 1 rejected',
      'two  words; 2026-11-24',
      `installed ${version}.1`,
      '1 slot: 1 completed; 2 rejected',
      'removed: /etc/cronledger/nightly.env /var/lib/cronledger/ledger.db',
      'purged: /etc/cronledger/nightly.env /var/lib/cronledger/ledger.db',
      '',
    ])
  })
})

const STORY = `
quietly() { "$@" >/dev/null 2>/tmp/error || { cat /tmp/error >&2; exit 1; }; }
quietly apt-get install --yes /old.deb
bash -c '. /usr/share/bash-completion/bash_completion
_comp_load cronledger
COMP_WORDS=(cronledger hist) COMP_CWORD=1 COMP_LINE="cronledger hist" COMP_POINT=15
_cronledger cronledger hist cronledger
echo $COMPREPLY'
man cronledger >/manual
awk 'NR == 1 { print $1 }' /manual

cp /usr/share/doc/cronledger/examples/nightly.env /etc/cronledger
cat >>/etc/cronledger/nightly.env <<'END'
CRONLEDGER_EVENT_TIME=2026-11-23T18:00:00Z
BATCH='echo "two  words; $CRONLEDGER_RUN_DATE" | cat >>/ran'
END
# The timer needs the file that its comment names.
! systemd-analyze verify cronledger@nightly.timer 2>/dev/null
mkdir /etc/systemd/system/cronledger@nightly.timer.d
sed -n 's/^#   //p' /usr/lib/systemd/system/cronledger@.timer | grep -v systemctl >/etc/systemd/system/cronledger@nightly.timer.d/override.conf
systemd-analyze verify cronledger@nightly.timer cronledger@nightly.service
systemctl daemon-reload
systemctl start cronledger@nightly.timer

started() {
  systemctl start --wait cronledger@nightly
  cronledger history nightly --store file:/var/lib/cronledger/ledger.db --status recorded | tail -n 1
}
left() { echo "$1:" /etc/cronledger/* /var/lib/cronledger/*.db; }
systemctl start --wait cronledger@nightly
started
cat /ran
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
