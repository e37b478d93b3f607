import { Idiomorph } from 'idiomorph'

/** The limit for the growing wait after failures. A ledger that works again is seen within half a minute. */
const LONGEST_RETRY_MS = 30_000
/** How long to wait for an answer. It is longer than the server waits for the ledger by default. */
const ANSWER_MS = 45_000

/** After each change, the document gets the event `refreshed`. A banner says that the page could not be refreshed. */
export function startLive(): void {
  let failures = 0
  let timer = 0
  let dueMs = 0
  let isAsking = false
  document.querySelector('#retry button')?.addEventListener('click', () => void ask(true))

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
    const problem = await refresh()
    isAsking = false
    failures = problem === null ? 0 : failures + 1
    plan()
    showBanner(problem, wasAsked)
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Date.now() >= dueMs) void ask(false)
  })
  if (plan() && isProblem(document)) showBanner('', false)
}

let told: string | null = null

/** `problem`: why. Empty: the page says why. Null: hides the banner. `wasAsked`: a person asked for this try. */
function showBanner(problem: string | null, wasAsked: boolean): void {
  const [status, retry] = [document.getElementById('connection'), document.getElementById('retry')]
  if (!status || !retry) return
  const hadFocus = retry.contains(document.activeElement)
  retry.hidden = problem === null
  // A screen reader reads the status each time it is set.
  if (problem !== told || wasAsked) {
    const age = problem && `${problem} The page shows the ledger ${document.getElementById('as-of')?.textContent}. `
    const again = problem !== null && wasAsked ? `The last try was at ${new Date().toLocaleTimeString('en-GB')}.` : ''
    status.textContent = `${age ?? ''}${again}`.trim()
  }
  told = problem
  if (problem === null && hadFocus) document.getElementById('main')?.focus({ preventScroll: true })
}

/** Returns whether a page says why a view cannot be shown, and may show it later. */
function isProblem(page: Document): boolean {
  return page.querySelector('[data-retries]') !== null
}

/** An answer that says why it cannot be shown does not replace a view. Returns the problem as `showBanner` takes it. */
async function refresh(): Promise<string | null> {
  let answer: Document
  try {
    const response = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) })
    answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    // A proxy in front of the server has its own pages.
    if (answer.getElementById('main') === null)
      return `The server cannot be reached: the answer has the status ${response.status}.`
  } catch {
    return 'The server (cronledger serve) cannot be reached.'
  }
  if (isProblem(answer) && !isProblem(document)) return problemOf(answer)
  showPage(answer)
  return isProblem(answer) ? '' : null
}

/** Returns what a page says as one sentence. Some messages of a ledger already end with a full stop. */
function problemOf(answer: Document): string {
  const [title, text] = ['h1', '#problem'].map((place) => answer.querySelector(place)?.textContent ?? '')
  return `${title}: ${text}`.replace(/\.?$/, '.')
}

function showPage(answer: Document): void {
  const [main, other] = [document.getElementById('main'), answer.getElementById('main')]
  if (!main || !other) return
  const focused = document.activeElement?.getAttribute('href')
  Idiomorph.morph(main, other, {
    morphStyle: 'outerHTML',
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

/** Attributes that a person changes: a part that is open, and what a search hides. */
const KEPT = ['open', 'hidden']
