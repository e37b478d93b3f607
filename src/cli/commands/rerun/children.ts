import { spawn } from 'node:child_process'
import { isSea } from 'node:sea'
import { formatInstant } from '../../../core/instant.ts'
import { optionName } from '../../../core/option.ts'
import type { Environment } from '../../../core/types.ts'
import { exitCodeOfSignal } from '../../../exit-code.ts'
import type { PlannedSlot, RepairPlan } from '../../../format/rerun/plan.ts'
import { type CommandContext, isGiven } from '../../options/arguments.ts'
import { variableOf } from '../../options/options.ts'
import { SUPERVISION_OPTIONS } from '../../options/run-options.ts'
import { PLAN_VARIABLE } from '../../runner.ts'

/** What a repair takes over from the shell of the operator. The task record has the other options of a run. */
const KEPT = ['store', 'log', 'ledgerTimeoutMs', 'notify', 'notifyFormat', 'notifyOn', 'passwordCommand'].map(
  variableOf,
)

/**
 * Starts this program again, for one slot, in a session of its own: neither the end of this process nor Ctrl-C or a hang-up of
 * its terminal ends it. Resolves to its exit code.
 */
export function startSupervisor(
  { task, slot, options }: PlannedSlot,
  { id, only }: Pick<RepairPlan, 'id' | 'only'>,
  batch: readonly string[],
  { argv, env }: Pick<CommandContext, 'argv' | 'env'>,
): Promise<number> {
  const given = Object.keys(SUPERVISION_OPTIONS).flatMap((name) => wordsOf(name, argv))
  const own = Object.entries({ task, slot: formatInstant(slot), status: only.join(','), ...options })
  const words = [...given, ...own.flatMap(([name, value]) => (isGiven(name, given) ? [] : `--${name}=${value}`))]
  const program = isSea() ? [] : [...process.execArgv, process.argv[1] ?? '']
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...program, 'rerun', ...words, '--', ...batch], {
      env: { ...environmentOf(argv, env), [PLAN_VARIABLE]: id },
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? exitCodeOfSignal(signal ?? 'SIGKILL')))
  })
}

/** Returns the environment of the operator without the task, slot, limits and expectations that it may have. */
function environmentOf(argv: readonly string[], env: Environment): Environment {
  const isKept = (name: string) => !name.startsWith(variableOf('')) || KEPT.includes(name)
  // The address of the ledger may have a password, so it must not be an argument.
  const [word = '', value] = wordsOf('store', argv)
  const store = word === '' ? {} : { [variableOf('store')]: value ?? word.slice('--store='.length) }
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name))), ...store }
}

function wordsOf(name: string, argv: readonly string[]): readonly string[] {
  const flag = `--${optionName(name)}`
  const at = argv.findIndex((word) => word === flag || word.startsWith(`${flag}=`))
  const [first, second] = argv.slice(at)
  if (at < 0 || first === undefined) return []
  return first !== flag || second === undefined || second.startsWith('--') ? [first] : [first, second]
}
