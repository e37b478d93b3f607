import { execFileSync } from 'node:child_process'
import { insideQuotes } from '../../src/format/text.ts'

type Words = readonly string[]

export function wordsOfEach(commands: readonly string[]): readonly Words[] {
  const input = commands.map((command) => `printf '%s\\0' ${command}; printf '\\1'\n`).join('')
  const out = execFileSync('bash', { input, encoding: 'utf8', env: { ...process.env, USER: 'ada' } })
  return out.split('\u0001', commands.length).map((words) => words.split('\0').slice(0, -1))
}

export const wordsOf = (command: string): Words => wordsOfEach([command])[0] ?? []

interface Overrides {
  readonly name: string
  readonly environment: Readonly<Record<string, string>>
}

export function overridesOf(words: Words): Overrides {
  const { containerOverrides } = JSON.parse(words[words.indexOf('--overrides') + 1] ?? '')
  const [{ name, environment }, ...others] = containerOverrides
  if (others.length > 0) throw new Error('the command has overrides of several containers')
  const entries = environment.map(({ name, value }: Readonly<Record<string, string>>) => [name, value])
  return { name, environment: Object.fromEntries(entries) }
}

export const overridesIn = (command: string): Overrides => overridesOf(wordsOf(command))

function escaped(text: string): string {
  return insideQuotes(JSON.stringify(text).slice(1, -1))
}

interface Values {
  readonly reason: string
  readonly by: string
  readonly subnets: string
  readonly securityGroups: string
}

export function filledIn(command: string, { reason, by, subnets, securityGroups }: Values): string {
  const write = command.startsWith('aws ') ? escaped : insideQuotes
  return command
    .replace(/'"YOUR REASON"'|YOUR REASON/, () => write(reason))
    .replace(`'"$USER"'`, () => write(by))
    .replace('YOUR_SUBNETS', subnets)
    .replace('YOUR_SECURITY_GROUPS', securityGroups)
    .replace('ENABLED_OR_DISABLED', 'ENABLED')
}
