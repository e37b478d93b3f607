import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import { aws, awsEnv, hasAws } from '../../support/aws/aws.ts'
import { cronledger, scratch } from '../../support/cli.ts'
import { seedLedger } from '../../support/pages/big-ledger.ts'
import { expectAccessible, hasChromium, openBrowser, openPage } from '../../support/pages/browser.ts'
import { companyTasks, fillFile, type PlannedTask, rowsOf } from '../../support/pages/ledger.ts'
import { openShell } from '../../support/pages/paste.ts'
import { type Served, serve } from '../../support/pages/serve.ts'
import { ON_ECS, rowOn } from '../../support/rows.ts'
import { startMoto } from '../../support/servers.ts'

// What the fields of a slot fill in, copied from the page and pasted into a shell.

const folder = scratch()
const NOW = Date.now()
const REASON = `it's <b>"fixed"</b>: $(touch no) \`id\` \\ ;&|!<>*? 入力 👩‍💻`
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] }

/** Opens what is folded. */
const unfold = (page: Page) => page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')

/** Opens what is folded, and copies the command with this title. */
async function copied(page: Page, what: string): Promise<string> {
  await unfold(page)
  await page.getByRole('button', { name: `Copy the command: ${what}`, exact: true }).click()
  await page.locator('#copied', { hasText: 'Copied' }).waitFor({ state: 'attached' })
  return page.evaluate('navigator.clipboard.readText()') as Promise<string>
}

describe.skipIf(!hasChromium)('pasted into a shell', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())

  describe('on a host', () => {
    const [billing, warehouse] = companyTasks(NOW) as [PlannedTask, PlannedTask]
    const plans = [billing, warehouse].map((plan) => ({ ...plan, count: 12 }))
    let served: Served
    beforeAll(async () => {
      const path = join(folder, 'ledger.db')
      await fillFile(path, plans, NOW)
      served = await serve(`file:${path}`)
    })
    afterAll(() => served?.stop())

    const slotPage = (task: string, status: 'failed' | 'stale' | 'succeeded') => {
      const plan = plans.find((one) => one.task === task) ?? billing
      const row = [...rowsOf(plan, NOW)].find((_, ago) => plan.fateOf(ago) === status)
      return `${served.url}slot?task=${task}&slot=${formatInstant(row?.slot ?? 0)}`
    }
    const shell = () => openShell(folder)

    test('a resolution has the reason as it was typed, and the page shows it', async () => {
      const { page, complaints, requests, close } = await openPage(browser, CLIPBOARD)
      await page.goto(slotPage(warehouse.task, 'stale'))
      expect(await page.locator('.why').innerText()).toMatch(/attempt 1 on ip-.* stopped reporting: its lease ended at/)
      await page.getByLabel('Reason').fill(REASON)
      const command = await copied(page, 'Mark it as completed')
      expect((await shell()(command)).stdout).toContain(`: recorded as completed: ${REASON}`)
      await page.locator('.why', { hasText: `marked it as completed` }).waitFor()
      expect(await page.locator('.timeline').innerText()).toContain(REASON)
      expect(complaints).toEqual([])
      expect(requests.filter((url) => !url.startsWith(served.url) && !url.startsWith('data:'))).toEqual([])
      await close()
    })

    test('a rerun runs the command line as it was typed', async () => {
      const { page, close } = await openPage(browser, CLIPBOARD)
      await page.goto(slotPage(billing.task, 'failed'))
      await page.getByLabel('Reason').fill(REASON)
      await page.getByLabel('Batch command').fill(`sh -c 'printf "%s" "$1, $CRONLEDGER_RUN_ATTEMPT"' - "it's \\"2\\""`)
      const { stdout } = await shell()(await copied(page, 'Run it again'), 'dash')
      expect(stdout).toBe(`it's "2", 2`)
      await page.locator('.why', { hasText: /attempt 2 on \S+ succeeded at/ }).waitFor()
      expect(await page.locator('.timeline').innerText()).toContain(`: ${REASON}`)
      await close()
    })

    test('a placeholder that is left is refused, as before', async () => {
      const { page, close } = await openPage(browser, CLIPBOARD)
      await page.goto(slotPage(billing.task, 'succeeded'))
      await unfold(page)
      await page.getByLabel('Reason').fill('  ')
      const command = await copied(page, 'Run it again although it has completed')
      expect(command).toContain("--reason 'YOUR REASON' -- YOUR_COMMAND")
      await expect(shell()(command)).rejects.toThrow(/placeholder "YOUR/)
      await close()
    })
  })

  test('the first command of an empty ledger is refused until a batch replaces its placeholder', async () => {
    const store = `file:${join(folder, 'empty.db')}`
    expect((await cronledger(['setup', '--store', store])).code).toBe(0)
    const served = await serve(store)
    const { page, close } = await openPage(browser, CLIPBOARD)
    await page.goto(served.url)
    await expectAccessible(page)
    const command = await copied(page, 'Run a batch at most once for each slot of its schedule')
    const shell = openShell(folder)
    await expect(shell(command)).rejects.toThrow(/placeholder "YOUR_COMMAND"/)
    await shell(command.replace('YOUR_COMMAND', 'true'))
    await page.reload()
    await page.locator('tr[data-task=nightly]').waitFor()
    await served.stop()
    await close()
  })

  test.skipIf(!hasAws)('a task on ECS starts with the reason and the name as they were typed', async () => {
    const server = await startMoto()
    const on = (...args: readonly string[]) => aws(server.endpoint, ...args, '--region', ON_ECS.region)
    await on('ecs', 'create-cluster', '--cluster-name', ON_ECS.cluster)
    const containers = JSON.stringify([{ name: ON_ECS.container, image: 'batch', memory: 512 }])
    const [family = ''] = ON_ECS.taskDefinition.split(':')
    await on(
      ...['ecs', 'register-task-definition', '--family', family, '--network-mode', 'awsvpc', '--cpu', '256'],
      ...['--memory', '512', '--requires-compatibilities', 'FARGATE', '--container-definitions', containers],
    )
    const { Subnets } = await on('ec2', 'describe-subnets')
    const { SecurityGroups } = await on('ec2', 'describe-security-groups')

    const path = join(folder, 'ecs.db')
    const spec = { expression: '0 3 * * *', zone: 'UTC' }
    const [row] = rowsOf({ task: 'nightly', spec, count: 1, fateOf: () => 'failed' }, NOW)
    if (row === undefined) throw new Error('no row')
    seedLedger(path, [rowOn({ ...ON_ECS, taskDefinition: `${family}:1` }, row)])
    const served = await serve(`file:${path}`)
    const { page, close } = await openPage(browser, CLIPBOARD)
    await page.goto(`${served.url}slot?task=nightly&slot=${formatInstant(row.slot)}`)
    await page.getByLabel('Reason').fill(REASON)
    await page.getByLabel('Your name').fill(`O'Brien "山田"`)
    // The page cannot know the network.
    const command = (await copied(page, 'Run it again'))
      .replace('YOUR_SUBNETS', Subnets[0].SubnetId)
      .replace('YOUR_SECURITY_GROUPS', SecurityGroups[0].GroupId)
      .replace('ENABLED_OR_DISABLED', 'ENABLED')
    const { tasks } = JSON.parse((await openShell(folder, awsEnv(server.endpoint))(command)).stdout)
    const found = await on('ecs', 'describe-tasks', '--cluster', ON_ECS.cluster, '--tasks', tasks[0].taskArn)
    expect(found.tasks[0].overrides.containerOverrides[0].environment).toEqual([
      { name: 'CRONLEDGER_FORCE_SLOT', value: formatInstant(row.slot) },
      { name: 'CRONLEDGER_REASON', value: REASON },
      { name: 'CRONLEDGER_BY', value: `O'Brien "山田"` },
    ])
    await close()
    await served.stop()
    await server.stop()
  })
})
