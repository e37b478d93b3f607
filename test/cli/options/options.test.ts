import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { allowedText, defaultText, type OptionSpec } from '../../../src/cli/options/options.ts'
import { RUN_OPTIONS } from '../../../src/cli/options/run-options.ts'

const OPTIONS = new URL('../../../docs/options.md', import.meta.url)
const MARKS = /(?<=<!-- options: made by `npm run options` -->\n).*(?=<!-- \/options -->)/s

/** The table of options, from the source that the flags and the help are made from. */
function optionsTable(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
  const lines = Object.entries(RUN_OPTIONS).map(([name, spec]: [string, OptionSpec]) => {
    const value = spec.value === undefined ? '' : ` ${cell(spec.value)}`
    return `| \`--${name}${value}\` | ${cell(spec.help)} | ${cell(defaultText(spec))} | ${cell(allowedText(spec))} |\n`
  })
  return `\n| option | meaning | default | allowed |\n| --- | --- | --- | --- |\n${lines.join('')}\n`
}

test('the table of options in docs/options.md is the one that the code has', () => {
  const page = readFileSync(OPTIONS, 'utf8')
  // `npm run options` writes the table anew.
  if (process.env['UPDATE_OPTIONS'] !== undefined) writeFileSync(OPTIONS, page.replace(MARKS, optionsTable()))
  expect(readFileSync(OPTIONS, 'utf8')).toContain(optionsTable())
})
