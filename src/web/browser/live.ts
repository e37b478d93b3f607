import { Idiomorph } from 'idiomorph'
import { openConnection } from './connection.ts'
import { fillIn } from './fill.ts'

/** The limit for the growing wait after failures. A ledger that works again is seen within half a minute. */
const LONGEST_RETRY_MS = 30_000
/** How long to wait for an answer. It is longer than the server waits for the ledger by default. */
const ANSWER_MS = 45_000

/** The result of one request for the page. */
type Refresh =
  | { readonly kind: 'shown' }
  /** `problem` is a sentence that says why. Null: the page itself says it. */
  | { readonly kind: 'failed'; readonly problem: string | null }

/**
 * Fetches the page again and again, and shows the parts that changed. After each change, the document gets the event
 * `refreshed`.
 */
export function startLive(): void {
  let failures = 0
  let timer = 0
  let dueMs = 0
  let isAsking = false
  const connection = openConnection(() => void ask(true))

  /** Plans the next request. Returns false if the page never asks. */
  const plan = () => {
    clearTimeout(timer)
    const pollMs = Number(document.getElementById('main')?.dataset['pollMs'])
    if (!(pollMs > 0)) return false
    // We must never ask sooner than the server says. After failures the wait grows, but not past half a minute.
    const waitMs = Math.max(pollMs, Math.min(pollMs * 2 ** failures, LONGEST_RETRY_MS))
    dueMs = Date.now() + waitMs
    timer = setTimeout(ask, waitMs, false)
    return true
  }

  const ask = async (wasAsked: boolean) => {
    // We must not cost the ledger reads while the page is hidden. `visibilitychange` starts the next try.
    if (document.hidden || isAsking) return
    isAsking = true
    clearTimeout(timer)
    connection.trying()
    const answer = await refresh()
    isAsking = false
    failures = answer.kind === 'shown' ? 0 : failures + 1
    plan()
    if (answer.kind === 'shown') connection.up()
    else connection.down({ problem: answer.problem, dueMs, wasAsked })
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Date.now() >= dueMs) void ask(false)
  })
  if (plan() && isProblem(document)) connection.down({ problem: null, dueMs, wasAsked: false })
}

/** Returns whether a page says why a view cannot be shown, and may show it later. */
function isProblem(page: Document): boolean {
  return page.querySelector('[data-retries]') !== null
}

/** Fetches the page and shows it. An answer that says why it cannot be shown does not replace a view. */
async function refresh(): Promise<Refresh> {
  let answer: Document
  const address = location.href
  try {
    const response = await fetch(address, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) })
    answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    // A proxy in front of the server has its own pages.
    if (answer.getElementById('main') === null)
      return { kind: 'failed', problem: `The server cannot be reached: the answer has the status ${response.status}.` }
  } catch {
    return { kind: 'failed', problem: 'The server (cronledger serve) cannot be reached.' }
  }
  if (!isProblem(answer)) {
    // A search changes the address and shows its own answer. The tasks of the address before must not replace them.
    if (location.href === address) showPage(answer)
    return { kind: 'shown' }
  }
  if (!isProblem(document)) return { kind: 'failed', problem: problemOf(answer) }
  showPage(answer)
  return { kind: 'failed', problem: null }
}

/** Returns what a page says as one sentence. Some messages of a ledger already end with a full stop. */
function problemOf(answer: Document): string {
  const [title, text] = ['h1', '#problem'].map((place) => answer.querySelector(place)?.textContent ?? '')
  return `${title}: ${text}`.replace(/\.?$/, '.')
}

function showPage(answer: Document): void {
  const [main, other] = [document.getElementById('main'), answer.getElementById('main')]
  if (!main || !other) return
  fillIn(other)
  const focused = document.activeElement?.getAttribute('href')
  Idiomorph.morph(main, other, {
    morphStyle: 'outerHTML',
    ignoreActiveValue: true,
    callbacks: {
      // We must not touch a part that did not change, or a form that a person is filling in.
      beforeNodeMorphed: (before: Node, after: Node) => before.nodeName !== 'SEARCH' && !before.isEqualNode(after),
      beforeAttributeUpdated: (name: string) => !KEPT.includes(name),
    },
  })
  document.title = answer.title
  const asOf = answer.getElementById('as-of')
  if (asOf) document.getElementById('as-of')?.replaceWith(asOf)
  // A new slot moves all cells by one. The focus must stay on the same slot.
  if (focused && document.activeElement?.getAttribute('href') !== focused) {
    main.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
  document.dispatchEvent(new Event('refreshed'))
}

/** Attributes that a person changes: a part that is open, and the cell at which the Tab key stops. */
const KEPT = ['open', 'tabindex']
