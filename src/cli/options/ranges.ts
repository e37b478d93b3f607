import type { RunOptions } from '../../api.ts'
import { type CommandContext, isGiven } from './arguments.ts'
import { variableOf } from './options.ts'

const MODE = '--catch-up-mode'

/** Takes an option of an earlier version from the command line or the environment. The library says what replaces it. */
export function takeCatchUpMode({ argv, env }: Pick<CommandContext, 'argv' | 'env'>) {
  const at = argv.findIndex((word) => word === MODE || word.startsWith(`${MODE}=`))
  const [, value] = argv[at]?.split('=') ?? []
  const mode = at === -1 ? env[variableOf('catchUpMode')] || undefined : (value ?? argv[at + 1] ?? '')
  const rest = at === -1 ? argv : argv.toSpliced(at, value === undefined ? 2 : 1)
  return { argv: rest, catchUpMode: mode as RunOptions['catchUpMode'] }
}

/**
 * Returns the options without those that let runs overlap, if the runs have ranges and the environment has them: it is that of a
 * deployed task. The library refuses them as flags.
 */
export function withoutOverlap(
  options: RunOptions,
  argv: readonly string[],
): { readonly options: RunOptions; readonly warnings: readonly string[] } {
  if (!options.sinceLastSuccess && options.catchUpMode !== 'once') return { options, warnings: [] }
  const unwanted = [
    ['overlap', 'allow'],
    ['onLeaseLost', 'continue'],
  ] as const
  const ignored = unwanted.filter(([name, value]) => options[name] === value && !isGiven(name, argv))
  return {
    options: { ...options, ...Object.fromEntries(ignored.map(([name]) => [name, undefined])) },
    warnings: ignored.map(
      ([name, value]) =>
        `${variableOf(name)}=${value} is ignored, because runs with --since-last-success do not overlap`,
    ),
  }
}
