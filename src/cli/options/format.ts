import { usageError } from '../../core/errors.ts'
import { isGiven } from './arguments.ts'

/** A flag takes precedence over the environment. Throws a usage error if the two contradict each other. */
export function formatOf<Format extends string>(
  { format, json }: { readonly format: Format | 'json' | undefined; readonly json: boolean | undefined },
  argv: readonly string[],
  usual: Format,
): Format | 'json' {
  const jsonIsFlag = isGiven('json', argv)
  if (json && format !== undefined && format !== 'json' && jsonIsFlag === isGiven('format', argv)) {
    throw usageError(`--json and --format ${format} cannot be used together. Use one of them.`)
  }
  return json && (format === undefined || jsonIsFlag) ? 'json' : (format ?? usual)
}
