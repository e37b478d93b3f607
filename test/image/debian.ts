import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SUITE } from './podman.ts'

const run = promisify(execFile)
const INCLUDED = ['ca-certificates', 'curl', 'sudo', 'systemd', 'dbus', 'man-db', 'bash-completion']

/** A folder above the base, in namespaces of its own. `$1` is the base, `$2` what is written, and the rest the first process. */
const ENTER = `base=$1 own=$2; shift 2
mkdir -p "$own/upper" "$own/work" "$own/root"
mount -t overlay -o "lowerdir=$base,upperdir=$own/upper,workdir=$own/work" none "$own/root"
cd "$own/root"
mount -t proc proc proc; mount --rbind /dev dev; mount -t tmpfs none run; mount -t sysfs -o ro sys sys
mount -t cgroup2 none sys/fs/cgroup; cp /etc/resolv.conf etc
exec chroot . env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive container=test "$@"`

/** A service that is all that systemd starts. Its end is the end of systemd. */
const SERVICE = `[Unit]
Requires=dbus.socket
After=dbus.socket
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
Environment=HOME=/root DEBIAN_FRONTEND=noninteractive
ExecStart=/bin/bash -euo pipefail /script
StandardOutput=file:/printed
StandardError=file:/failed
`

export interface Debian {
  run(script: string, hasSystemd?: boolean): Promise<string>
  file(path: string): string
}

/** Makes a Debian of its packages, and returns a function that makes an empty copy of it at each call. */
export async function makeDebian(folder: string): Promise<() => Debian> {
  const base = join(folder, 'debian')
  // DEBIAN_TAR: one that was kept from an earlier time. To make it takes a minute and more.
  const tar = process.env['DEBIAN_TAR'] ?? join(folder, 'debian.tar')
  if (process.env['DEBIAN_TAR'] === undefined)
    await run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${INCLUDED}`, SUITE, tar])
  mkdirSync(base)
  await run('tar', ['--extract', '--file', tar, '--directory', base, '--exclude', './dev/*'])
  const namespaces = ['--mount', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child']
  return () => {
    const own = mkdtempSync(join(folder, 'own-'))
    const file = (path: string) => join(own, 'upper', path)
    mkdirSync(file('etc/systemd/system'), { recursive: true })
    writeFileSync(file('etc/systemd/system/script.service'), SERVICE)
    return {
      file,
      async run(script, hasSystemd = false) {
        writeFileSync(file('script'), script)
        const first = hasSystemd
          ? ['/usr/lib/systemd/systemd', '--unit=script.service']
          : ['bash', '-euo', 'pipefail', '/script']
        const { stdout } = await run('unshare', [...namespaces, 'sh', '-ec', ENTER, 'sh', base, own, ...first]).catch(
          (error) => {
            const failed = hasSystemd ? readFileSync(file('failed'), 'utf8') : ''
            throw new Error(`${script}\n${error.stdout}${error.stderr}${failed}`)
          },
        )
        return hasSystemd ? readFileSync(file('printed'), 'utf8') : stdout
      },
    }
  }
}
