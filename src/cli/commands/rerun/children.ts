import { spawn } from 'node:child_process'
import { isSea } from 'node:sea'
import { optionName } from '../../../core/option.ts'
import type { Environment } from '../../../core/types.ts'
import { exitCodeOfSignal } from '../../../exit-code.ts'
import { isGiven } from '../../options/arguments.ts'
import { variableOf } from '../../options/options.ts'
import { SUPERVISION_OPTIONS } from '../../options/run-options.ts'

/** What a repair takes over from the shell of the operator. The rest of a run is said by the task's record. */
const KEPT = ['store', 'log', 'ledgerTimeoutMs', 'notify', 'notifyFormat', 'notifyOn', 'passwordCommand'].map(
  variableOf,
)

/** Returns the environment of the operator without the task, slot, limits and expectations that it may have. */
export function environmentOfRepair(env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith(variableOf('')) || KEPT.includes(name)),
  )
}

/** Returns the words of `argv` that say how a batch is supervised here, as they were given. */
export function supervisionWords(argv: readonly string[]): readonly string[] {
  return Object.keys(SUPERVISION_OPTIONS).flatMap((name) => {
    const flag = `--${optionName(name)}`
    return isGiven(name, argv) ? wordsOf(flag, argv) : []
  })
}

/** Returns the value of a flag as it was given. Undefined: by another way, or without a value. */
export function givenValue(name: string, argv: readonly string[]): string | undefined {
  const flag = `--${optionName(name)}`
  const [first, second] = wordsOf(flag, argv)
  return first?.startsWith(`${flag}=`) ? first.slice(flag.length + 1) : second
}

function wordsOf(flag: string, argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word) => word === flag || word.startsWith(`${flag}=`))
  const [first, second] = argv.slice(at)
  if (at < 0 || first === undefined) return []
  return first !== flag || second === undefined || second.startsWith('--') ? [first] : [first, second]
}

/**
 * Starts this program again, for one slot, in a session of its own: neither the end of this process nor Ctrl-C or a hang-up of
 * its terminal ends it. Resolves to its exit code.
 */
export function startSupervisor(words: readonly string[], batch: readonly string[], env: Environment): Promise<number> {
  const own = isSea() ? [] : [...process.execArgv, process.argv[1] ?? '']
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...own, 'rerun', ...words, '--', ...batch], {
      env,
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? exitCodeOfSignal(signal ?? 'SIGKILL')))
  })
}
