import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { cronledger, scratch, start } from '../../support/cli.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask } from '../../support/pages/ledger.ts'

const folder = scratch()
const NOW = Date.now()
const HOSTILE = '</style></title><script>alert(1)</script>\u202e\u001b[2J'
const PLANS = companyTasks(NOW).map((plan) => ({ ...plan, count: Math.min(plan.count, 70), reason: HOSTILE }))

describe('a report', () => {
  const store = `file:${join(folder, 'ledger.db')}`
  const out = join(folder, 'ledger.html')
  let html = ''
  beforeAll(async () => {
    await fillFile(join(folder, 'ledger.db'), PLANS, NOW)
    const done = { code: 0, signal: null, stdout: `${out}\n`, stderr: '' }
    expect(await cronledger(['report', '--store', store, '--since', '460d', '--out', out])).toEqual(done)
    html = readFileSync(out, 'utf8')
  })

  test('has no script, and nothing of it is elsewhere', () => {
    expect(html).not.toMatch(/<script|\son\w+=|\sstyle=|javascript:/i)
    for (const [, address] of html.matchAll(/\s(?:href|src|action)="([^"]*)"/g)) {
      expect(address).toMatch(/^(#|data:image\/svg\+xml,)/)
    }
  })

  test('every link leads somewhere, and no place is there twice', () => {
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(ids).toEqual([...new Set(ids)])
    const links = new Set([...html.matchAll(/\shref="#([^"]*)"/g)].map(([, id]) => id))
    expect([...links].filter((link) => !ids.includes(link))).toEqual([])
  })

  test('counts all slots that were due, and describes those that did not complete as usual', () => {
    const fates = PLANS.flatMap(({ task, count, fateOf }) =>
      Array.from({ length: count }, (_, ago) => [task, fateOf(ago)] as const),
    )
    expect(html.match(/<article/g)).toHaveLength(fates.filter(([, fate]) => fate !== 'succeeded').length)
    const completed = [...html.matchAll(/<p>Slots: .*?(\d+) completed\.<\/p>/g)].map(([, count]) => Number(count))
    expect(completed).toEqual(
      PLANS.map(({ task }) => fates.filter(([own, fate]) => own === task && fate === 'succeeded').length),
    )
  })

  test('names what check finds', async () => {
    const { stdout } = await cronledger(['check', '--store', store, '--since', '460d'])
    const [, counts] = / slots? needs? attention: (.*)/.exec(stdout) ?? []
    expect(html).toContain(`${counts} from `)
  })

  test.skipIf(!hasChromium)(
    'loads nothing, leads to its details, is accessible, fits a narrow screen, and prints',
    async () => {
      const browser = await openBrowser()
      const { page, complaints, requests } = await openPage(browser, { viewport: { width: 360, height: 800 } })
      await page.goto(pathToFileURL(out).href)
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
      await expectAccessible(page)
      await page.locator('#needs a', { hasText: 'failed' }).first().click()
      const detail = page.locator('.detail:target')
      expect(await detail.innerText()).toMatch(/What to do[\s\S]*cronledger rerun [\s\S]*Timeline/)
      expect(await detail.locator('input, button').count()).toBe(0)
      expect((await page.pdf()).length).toBeGreaterThan(10_000)
      expect(complaints).toEqual([])
      expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(out).href])
      await browser.close()
    },
  )
})

describe('the file', () => {
  const path = join(folder, 'small.db')
  const plan: PlannedTask = {
    task: 'nightly',
    spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' },
    count: 20,
    fateOf: () => 'succeeded',
  }
  const args = ['report', '--store', `file:${path}`]
  beforeAll(() => fillFile(path, [plan], NOW))

  test('goes to standard output', async () => {
    const { code, stdout } = await cronledger([...args, '--out', '-', '--task', 'nightly'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^<!doctype html>\n<html lang="en">.*<h2>nightly<\/h2>.*<\/html>$/s)
  })

  test('is replaced as a whole, and a report that breaks off leaves the old one', async () => {
    const host = join(folder, 'replaced')
    mkdirSync(host)
    const out = join(host, 'report.html')
    writeFileSync(out, '<!DOCTYPE html>old')
    expect(await cronledger(['report', '--store', `file:${join(folder, 'none.db')}`, '--out', out])).toMatchObject({
      code: 78,
    })
    expect(readFileSync(out, 'utf8')).toBe('<!DOCTYPE html>old')
    expect(await cronledger([...args, '--out', out])).toMatchObject({ code: 0, stdout: `${out}\n` })
    expect(readFileSync(out, 'utf8')).toMatch(/<\/html>$/)
    expect(readdirSync(host)).toEqual(['report.html'])
    expect(statSync(out).mode & 0o777).toBe(0o600)
  })

  test('does not replace a file that is not a page: the ledger itself', async () => {
    const before = readFileSync(path)
    const { code, stderr } = await cronledger([...args, '--out', path])
    expect({ code, stderr }).toEqual({
      code: 64,
      stderr: `cronledger: --out "${path}" exists and is not an HTML page, so it was not overwritten. Use another path, or remove the file.\n`,
    })
    expect(readFileSync(path)).toEqual(before)
  })

  test('may be empty, and is that which a link leads to', async () => {
    const host = join(folder, 'linked')
    mkdirSync(host)
    writeFileSync(join(host, 'empty.html'), '')
    symlinkSync('empty.html', join(host, 'link.html'))
    expect(await cronledger([...args, '--out', join(host, 'link.html')])).toMatchObject({ code: 0 })
    expect(readFileSync(join(host, 'empty.html'), 'utf8')).toMatch(/<\/html>$/)
    expect(readdirSync(host)).toEqual(['empty.html', 'link.html'])
  })

  test('is not begun where a signal ends it', async () => {
    const host = join(folder, 'stopped')
    mkdirSync(host)
    const big = join(folder, 'big.db')
    await fillFile(big, [{ ...plan, spec: { expression: '* * * * *', zone: 'UTC' }, count: 30_000 }], NOW)
    const begun = once(watch(host), 'change')
    const running = start(['report', '--store', `file:${big}`, '--out', join(host, 'report.html')])
    await begun
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' })
    expect(readdirSync(host)).toEqual([])
  })

  test.each([
    [
      ['--out', '/dev/null'],
      /^cronledger: --out "\/dev\/null" is not a file\. Use a file, or - for standard output\.$/,
    ],
    [['--out', '/nowhere/report.html'], /^cronledger: --out "\/nowhere\/report\.html" cannot be written: ENOENT/],
    [['--out', '-', '--task', 'nobody'], /^cronledger: unknown task: nobody\. /],
    [
      ['--out', '-', '--since', '2026-02-01', '--until', '2026-01-01'],
      /^cronledger: --since "2026-02-01" is not earlier than --until/,
    ],
    [[], /^cronledger: --out is missing. Give --out/],
  ])('%j is a usage error', async (more, message) => {
    const { code, stdout, stderr } = await cronledger([...args, ...more])
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr.trimEnd()).toMatch(message)
  })
})
