import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CREDENTIALS, hasMoto, PYTHON, REGION } from '../servers.ts'

const AWS = '/usr/bin/aws'
export const hasAws = existsSync(AWS) && hasMoto

const folder = hasAws ? mkdtempSync(join(tmpdir(), 'cronledger-aws-')) : ''
/** The start of a PATH on which `aws` is Debian's, regardless of what else this machine has. */
export const AWS_PATH = `${folder}:/usr/bin`

/** Hands its call to `serve_aws.py`, or is Debian's `aws` itself before that one listens. */
const CALLER = `#!${PYTHON} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
try:
    server.connect('${folder}/socket')
except OSError:
    os.execv('${AWS}', ['aws', *sys.argv[1:]])
call = {'args': sys.argv[1:], 'folder': os.getcwd(), 'env': dict(os.environ)}
socket.send_fds(server, [json.dumps(call).encode()], [0, 1, 2])
sys.exit(int(server.recv(9) or 255))
`
if (hasAws) {
  writeFileSync(join(folder, 'aws'), CALLER, { mode: 0o755 })
  const program = fileURLToPath(new URL('serve_aws.py', import.meta.url))
  spawn(PYTHON, [program, join(folder, 'socket')], { stdio: ['pipe', 'ignore', 'inherit'] }).unref()
}

export function awsEnv(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_PAGER: '',
  }
}

export async function aws(endpoint: string, ...args: readonly string[]) {
  const { PATH = '' } = process.env
  const { stdout } = await promisify(execFile)(join(folder, 'aws'), [...args, '--output', 'json'], {
    env: { PATH, ...awsEnv(endpoint) },
  })
  return stdout.trim().startsWith('{') ? JSON.parse(stdout) : null
}
