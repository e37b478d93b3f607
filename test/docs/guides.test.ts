import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { awsEnv, hasAws } from '../support/aws/aws.ts'
import { isInstalled } from '../support/processes/programs.ts'
import { listen, type Server, startMoto } from '../support/servers.ts'
import { startStripe } from './fakes/stripe.ts'
import { type Block, blocksIn, blocksOf as blocksOfText } from './markdown.ts'
import { isRun, isSame, type Printed, runPage, withFolder } from './session.ts'

/*
 * The commands of these pages run, and what they print is compared with what the page shows. docs/development/code.md has
 * the notation. `UPDATE_DOCS=1` writes the output of today into the pages.
 */
const root = new URL('../../', import.meta.url)
const ALL = [
  'README.md',
  'README.ja.md',
  'docs/reference/ecs.md',
  ...readdirSync(new URL('docs/guides/', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/guides/${name}`),
]
const TRANSLATIONS = ALL.filter((name) => name.endsWith('.ja.md'))
const PAGES = ALL.filter((name) => !TRANSLATIONS.includes(name))
const LANGUAGES = ['sh', 'text', 'json', 'yaml', 'dockerfile', 'js', 'ts', 'python', 'ini', 'hcl', 'sql']
const UPDATES = process.env['UPDATE_DOCS'] !== undefined
/** A page starts the AWS command line a dozen times, and each start takes seconds on a machine that has other work. */
const SLOW = { timeout: 600_000 }

const read = (page: string) => readFileSync(new URL(page, root), 'utf8')
const blocksOf = (page: string) => blocksIn(new URL(page, root))
const isOnAws = (page: string) => blocksOf(page).some(({ isHidden, kind }) => isHidden && kind === 'needs')

/** The programs of the pages that not every machine has. */
const PROGRAMS = ['jq', 'curl', 'python3']

/** Returns a program that the commands of the page need and that is not installed. */
function missingFor(page: string): string | undefined {
  const commands = blocksOf(page)
    .filter(isRun)
    .map(({ text: body }) => body)
  if (isOnAws(page) && !hasAws) return 'aws or moto_server'
  return PROGRAMS.find((name) => !isInstalled(name) && commands.some((body) => new RegExp(`\\b${name} `).test(body)))
}

test.each(PAGES)('%s: each block has a language that is known, and JSON and YAML can be parsed', (page) => {
  for (const { isHidden, kind, attributes, text: body, from } of blocksOf(page)) {
    if (isHidden) continue
    // The commands of a block in another language would not run.
    expect(LANGUAGES, `${page}:${from}`).toContain(kind)
    if ('not-run' in attributes) continue
    if (kind === 'json' && !('output' in attributes)) expect(() => JSON.parse(body), `${page}:${from}`).not.toThrow()
    if (kind === 'yaml') expect(() => parseYaml(body), `${page}:${from}`).not.toThrow()
  }
})

/** One server for all pages: it takes seconds to load its services. Each page gets it empty. */
let started: Promise<Server> | null = null
async function emptyMoto(): Promise<Server> {
  started ??= startMoto()
  const server = await started
  await fetch(`${server.endpoint}/moto-api/reset`, { method: 'POST' })
  return server
}
afterAll(async () => (await started)?.stop())

/** It needs a server, which without-aws.test.ts starts. */
const WITH_OWN_TEST = 'docs/guides/without-aws.md'

// promise: restored
test.for(PAGES.filter((page) => page !== WITH_OWN_TEST))(
  '%s: the commands print what the page shows',
  SLOW,
  async (page, { skip }) => {
    const missing = missingFor(page)
    if (missing !== undefined) return skip(`${missing} is not installed`)
    const server = isOnAws(page) ? await emptyMoto() : null
    await withFolder(async (folder) => {
      const webhook = await startWebhook(join(folder, 'work', 'webhook.log'))
      const stripe = await startStripe()
      const env = {
        WEBHOOK_URL: `${webhook.endpoint}/`,
        STRIPE_URL: stripe.endpoint,
        ...(server !== null && awsEnv(server.endpoint)),
      }
      const stop = () => Promise.all([webhook.stop(), stripe.stop()])
      const printed = await runPage(blocksOf(page), { folder, env }).finally(stop)
      for (const { block, code, output } of printed) {
        const place = `${page}:${block.from}: ${block.text}${output}`
        expect(code, place).toBe(Number(block.attributes['exit'] ?? 0))
      }
      if (UPDATES) write(page, outputsOf(page, printed))
      else compare(page, printed)
    })
  },
)

const shownIn = (page: string) => blocksOf(page).filter(({ isHidden }) => !isHidden)
/** The blocks of a translation. Their instructions are those of the English page. */
const translatedIn = (page: string, english: readonly Block[]) =>
  blocksOfText(read(page)).map((block, index) => ({ ...block, attributes: english[index]?.attributes ?? {} }))
/** Returns the commands without the comments behind them, which a translation translates. */
const withoutRemarks = (commands: string) => commands.replace(/ +# .*$/gm, '')

test.each(TRANSLATIONS)('%s: has the commands and the output of the English page', (page) => {
  const english = shownIn(page.replace('.ja.md', '.md'))
  if (UPDATES) {
    const outputs = english.filter(isOutput)
    write(
      page,
      translatedIn(page, english)
        .filter(isOutput)
        .map((shown, index) => ({ shown, output: outputs[index]?.text ?? '' })),
    )
  }
  const commandsOf = (blocks: readonly Block[]) => blocks.map(({ kind, text: body }) => [kind, withoutRemarks(body)])
  expect(commandsOf(translatedIn(page, english))).toEqual(commandsOf(english))
})

interface Output {
  readonly shown: Block
  readonly output: string
}

/** A text is an output, unless the instructions say that it is not. */
const isOutput = ({ kind, attributes }: Block) =>
  attributes['output'] !== undefined || (kind === 'text' && attributes['not-run'] === undefined)

/** The blocks of a page that show an output, each with what was printed. */
function outputsOf(page: string, printed: readonly Printed[]): readonly Output[] {
  const outputs: Output[] = []
  let next = 0
  for (const block of blocksOf(page)) {
    if (isRun(block)) next++
    else if (isOutput(block)) outputs.push({ shown: block, output: printed[next - 1]?.output ?? '' })
  }
  return outputs
}

function compare(page: string, printed: readonly Printed[]): void {
  for (const { shown, output } of outputsOf(page, printed)) {
    if (!isSame(shown.text, output))
      expect(`${page}:${shown.from}\n${output}`).toBe(`${page}:${shown.from}\n${shown.text}`)
  }
}

function write(page: string, outputs: readonly Output[]): void {
  const lines = read(page).split('\n')
  for (const { shown, output } of outputs.toReversed()) {
    if (isSame(shown.text, output)) continue
    const indent = /^ */.exec(lines[shown.from - 1] ?? '')?.[0] ?? ''
    const fresh = output.replace(/\n$/, '').split('\n')
    lines.splice(shown.from, shown.to - shown.from, ...fresh.map((line) => (line === '' ? '' : `${indent}${line}`)))
  }
  writeFileSync(new URL(page, root), lines.join('\n'))
}

/** Starts a web server that writes each request body to a file. */
function startWebhook(log: string): Promise<Server> {
  const server = createServer(async (incoming, outgoing) => {
    appendFileSync(log, `${(await text(incoming)).trim()}\n`)
    outgoing.end()
  })
  return listen(server)
}
