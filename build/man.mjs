// Makes dist/cronledger.1, the manual page: the overview, and the help of each command and topic, as the program prints them.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const help = (...words) => execFileSync(process.execPath, [MAIN, 'help', ...words], { encoding: 'utf8' }).trimEnd()

const overview = help()
const commands = [...overview.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name)
const version = execFileSync(process.execPath, [MAIN, '--version'], { encoding: 'utf8' }).split(' (')[0]

const sections = [
  ['NAME', 'cronledger \\- run a scheduled batch once per period'],
  ['OVERVIEW', literal(overview)],
  ...commands.map((name) => [name.toUpperCase(), literal(help(name, '--all'))]),
  ...['exit-codes', 'environment', 'operating'].map((name) => [name.toUpperCase(), literal(help(name))]),
]
const text = sections.map(([title, body]) => `.SH ${title.replaceAll('-', ' ')}\n${body}\n`).join('')
writeFileSync(new URL('../dist/cronledger.1', import.meta.url), `.TH CRONLEDGER 1 "" "${version}"\n${text}`)

/** Returns a text that the manual shows as it is, in lines of its own. */
function literal(text) {
  const lines = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&')
  return `.nf\n${lines}\n.fi`
}
