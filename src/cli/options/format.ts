import { usageError } from '../../core/errors.ts'
import { isGiven } from './arguments.ts'

interface FormatValues<Format extends string> {
  readonly format: Format | undefined
  readonly json: boolean | undefined
}

/**
 * Returns the output format that `--format` and `--json` ask for, otherwise `usual`. A flag takes precedence over the
 * environment. Throws a usage error if the two contradict each other.
 */
export function formatOf<Format extends string>(
  { format, json }: FormatValues<Format | 'json'>,
  argv: readonly string[],
  usual: Format,
): Format | 'json' {
  const jsonIsFlag = isGiven('json', argv)
  if (json && format !== undefined && format !== 'json' && jsonIsFlag === isGiven('format', argv)) {
    throw usageError(`--json and --format ${format} cannot be used together. Use one of them.`)
  }
  return json && (format === undefined || jsonIsFlag) ? 'json' : (format ?? usual)
}
