import { expect, test } from 'vitest'
import { ProblemView } from '../../../../src/web/views/frame/document.tsx'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { MissingSlot, MissingTask } from '../../../../src/web/views/frame/missing.tsx'
import { wallClock } from '../../../../src/web/views/frame/wall-clock.ts'
import { textOf } from '../../../support/pages/text.ts'
import { NOW } from '../../../support/rows.ts'

const links = SERVED
const clock = wallClock('Asia/Tokyo')
const DAY_MS = 86_400_000
const slot = { task: 'nightly', slot: NOW, clock, links }

const PAGES: Readonly<Record<string, unknown>> = {
  'A page that does not exist': ProblemView({
    title: 'Page not found',
    message: 'This address does not exist.',
    links,
  }),
  'A ledger that cannot be reached': ProblemView({
    title: 'The ledger cannot be reached',
    message: 'DynamoDB did not answer within 5s.',
    links,
    retries: true,
  }),
  'A task that does not exist': MissingTask({ task: 'weekly', near: [], isEmpty: false, links }),
  'A task with a similar name': MissingTask({ task: 'nightlyy', near: ['nightly'], isEmpty: false, links }),
  'A task with several similar names': MissingTask({
    task: 'nightl',
    near: ['nightly', 'nightly-2'],
    isEmpty: false,
    links,
  }),
  'A task in an empty ledger': MissingTask({ task: 'nightly', near: [], isEmpty: true, links }),
  'A slot that does not exist': MissingSlot({ ...slot, slots: [] }),
  'A slot before the first one': MissingSlot({ ...slot, slots: [NOW + DAY_MS] }),
  'A slot between two others': MissingSlot({ ...slot, slots: [NOW - DAY_MS, NOW + DAY_MS] }),
}

test('the texts of the pages that cannot be shown are these', async () => {
  const text = Object.entries(PAGES).map(([name, html]) => `== ${name}\n\n${textOf(html)}\n`)
  await expect(text.join('\n')).toMatchFileSnapshot('texts.txt')
})
