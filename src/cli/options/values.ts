import { parseDuration } from '../../core/duration.ts'
import { quote, usageError } from '../../core/errors.ts'
import { suggestion } from '../../core/near.ts'
import { allowedText, allowedWithReason, isAllowed, type NumberSpec, type OptionSpec } from '../../core/option.ts'
import { checkUpstream } from '../../core/user-text.ts'
import { listed } from '../../format/text.ts'
import { hideSecret } from '../../store/open.ts'

export type OptionValue = string | number | boolean | readonly string[]

/** `name` is the flag or the variable. Throws a usage error unless the option may have the value. */
export function readValue(name: string, spec: OptionSpec, text: string): OptionValue {
  refuseFileMarks(name, spec, text)
  switch (spec.kind) {
    case 'text':
      // The address may be a secret: with the address of a chat, anyone can write there.
      if (spec.shell && /^\s*["']?\w+:\/\//.test(text)) {
        throw usageError(
          `${name} is an address. It must be a shell command, such as 'curl -sSf --retry 3 --retry-max-time 8 -d @- URL' with the address for URL.`,
        )
      }
      return hideSecret(text)
    case 'choice':
      return readChoice(name, text, spec.choices, '')
    case 'words': {
      const words = new Set(text.split(',').map((word) => word.trim().toLowerCase()))
      return [...words].map((word) => readChoice(name, word, spec.choices, ', or several of them with commas'))
    }
    case 'names': {
      const names = text.split(',').map((one) => one.trim())
      for (const one of names) {
        if (one.includes(' ')) throw usageError(`${name} ${quote(one)} has a space. Put commas between the tasks.`)
        checkUpstream(one)
      }
      return names
    }
    case 'switch':
      if (/^(true|1|yes|on)$/i.test(text)) return true
      if (/^(false|0|no|off)$/i.test(text)) return false
      throw usageError(`${name} ${quote(text)} is not allowed. Use true or false.`)
    case 'duration':
    case 'integer': {
      const value = spec.kind === 'duration' ? parseDuration(text, name) : readInteger(name, text, spec)
      if (isAllowed(value, spec)) return value
      throw usageError(`${name} ${text} is not allowed. Use ${allowedWithReason(spec)}.`)
    }
  }
}

/** The pairs of quotes that shells, env files and word processors put around a value. */
const QUOTED = /^(?:".*"|'.*'|[\u201c\u201e].*[\u201c\u201d]|[\u2018\u201a].*[\u2018\u2019])$/s

/** `docker --env-file` keeps quotes and line ends. With them, a task name would be invalid, or another task. */
function refuseFileMarks(name: string, spec: OptionSpec, text: string): void {
  if (/\r$/.test(text)) {
    throw usageError(
      `${name} ends with a carriage return: ${quote(text)}. Save the file that it comes from with Unix line endings (LF).`,
    )
  }
  if (text.length > 1 && !('quotes' in spec) && QUOTED.test(text)) {
    throw usageError(
      `${name} has quotes around its value: ${quote(text)}. Remove them, since an env file and a container definition keep quotes as part of the value.`,
    )
  }
}

function readChoice(name: string, word: string, choices: readonly string[], several: string): string {
  if (choices.includes(word)) return word
  const near = suggestion(word.toLowerCase(), choices)
  throw usageError(`${name} ${quote(word)} is not allowed.${near} Use ${listed(choices, 'or')}${several}.`)
}

function readInteger(name: string, text: string, spec: NumberSpec): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError(`${name} ${quote(text)} is not a whole number. Use ${allowedText(spec)}.`)
}
