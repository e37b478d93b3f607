import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { CREDENTIALS, hasMoto, REGION } from './servers.ts'

const AWS = '/usr/bin/aws'
/** Whether Debian's command line of AWS is installed, and a server for it. */
export const hasAws = existsSync(AWS) && hasMoto

/** Returns the environment variables that AWS's programs and cronledger read. */
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

/** Runs `aws` and returns the JSON that it prints, or null if it prints no object. Rejects if it fails. */
export async function aws(endpoint: string, ...args: readonly string[]) {
  const { PATH = '' } = process.env
  const { stdout } = await promisify(execFile)(AWS, [...args, '--output', 'json'], {
    env: { PATH, ...awsEnv(endpoint) },
  })
  return stdout.trim().startsWith('{') ? JSON.parse(stdout) : null
}
