import { usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { isKeyOf } from '../../core/objects.ts'
import { safeJson } from '../../format/text.ts'
import { PROTECTION, type SetupStep } from '../../store/finding.ts'
import { setUpStore } from '../../store/open.ts'
import { defineCommand, isGiven } from '../options/arguments.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print } from '../output.ts'
import { checkSetup } from './setup/check.ts'

const help = {
  name: 'setup',
  summary:
    'Create the ledger: a table in DynamoDB or PostgreSQL, or a file. A ledger that exists is not changed. With --check, check what a run needs.',
  options: {
    store: COMMON.store,
    check: { kind: 'switch', help: 'Change nothing; check that everything that a run needs is in place' },
    role: {
      kind: 'choice',
      value: 'ROLE',
      choices: ['runner', 'auditor', 'checker', 'operator'],
      otherwise: 'operator',
      help: 'Permissions to check',
      details:
        'A runner uses run. An auditor uses history, show, check, tasks and serve. A checker also uses check --once. An operator uses all commands.',
    },
    task: { ...COMMON.task, required: undefined, help: 'Name of the batch to check' },
    json: COMMON.json,
    ledgerTimeoutMs: { ...COMMON.ledgerTimeoutMs, default: 120_000, otherwise: '2m; 30s with --check' },
  },
  examples: [
    ['cronledger setup --store dynamodb:cronledger', 'create the table and wait until it is ready'],
    ['cronledger setup --store dynamodb:cronledger --check --role runner', 'in the container: check what a run needs'],
  ],
  notes: `--check also reads the variables of run, such as CRONLEDGER_SCHEDULE. Its exit codes: ${EXIT.ok}, or that of the most serious problem: ${EXIT.denied} access denied, ${EXIT.shape} ledger not found or not usable, ${EXIT.unreachable} ledger not reachable, ${EXIT.usage} clock, region, event time or an option of the batch.`,
} as const satisfies CommandHelp

export const setup = defineCommand(help, async ({ check, json = false, ...values }, { argv, env, sink }) => {
  if (check) return checkSetup(values, json, env)
  const ofCheck = ['role', 'task'].find((name) => isGiven(name, argv))
  if (ofCheck !== undefined) throw usageError(`--${ofCheck} requires --check.`)
  const signal = AbortSignal.timeout(values.ledgerTimeoutMs ?? help.options.ledgerTimeoutMs.default)
  const { name, steps, warnings } = await setUpStore(values.store, env, { signal })
  for (const warning of warnings) sink.write(`cronledger: ${warning}`)
  const objects = steps.map((step) => ({ ledger: name, ...step }))
  if (json) await print(safeJson(objects, 2))
  else for (const step of steps) await print(`${name}: ${setupStepText(name, step)}`)
  return EXIT.ok
})

const DEEDS: Readonly<Record<Exclude<SetupStep['did'], 'off'>, string>> = {
  created: 'created',
  found: 'already exists, nothing to change',
  enabled: 'turned on',
  unsupported: 'not supported by this server; the ledger works without it',
  impossible: 'not possible on this table. The ledger works without it, but --retention has no effect',
  unknown: 'not known, because these credentials may not read it',
}

/** Returns what setup says about a step. If a feature of an existing table is off, it says how to turn it on. */
export function setupStepText(ledger: string, { what, did }: SetupStep): string {
  const feature = isKeyOf(what, PROTECTION) ? PROTECTION[what] : null
  const name = feature?.name ?? (what === 'timeToLive' ? 'time to live' : what)
  if (did === 'off') {
    return `${name} is off, and was left off. To turn it on: ${feature?.command} --table-name ${ledger.replace(/^dynamodb:/, '')}`
  }
  return `${name} ${did === 'found' && name !== what ? 'is on already' : DEEDS[did]}`
}
