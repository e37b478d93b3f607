import { Idiomorph } from 'idiomorph'
import { fillIn } from './fill.ts'

/** The limit for the growing wait after failures. A ledger that works again is seen within half a minute. */
const LONGEST_RETRY_MS = 30_000
/** How long to wait for an answer. It is longer than the server waits for the ledger by default. */
const ANSWER_MS = 45_000

/** Fetches the page again and again, and shows the parts that changed. */
export function startLive(): void {
  let failures = 0
  let timer = 0
  let isAsking = false

  const plan = () => {
    clearTimeout(timer)
    const main = document.getElementById('main')
    const waitMs = Number(main?.dataset['pollMs'])
    // We must never ask sooner than the server says. After failures the wait grows, but not past half a minute.
    if (waitMs > 0) timer = setTimeout(ask, Math.max(waitMs, Math.min(waitMs * 2 ** failures, LONGEST_RETRY_MS)))
  }

  const ask = async () => {
    // We must not cost the ledger reads while the page is hidden. `visibilitychange` starts the next try.
    if (document.hidden || isAsking) return
    isAsking = true
    const problem = await refresh()
    isAsking = false
    failures = problem === null ? 0 : failures + 1
    emit(problem)
    plan()
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void ask()
  })
  plan()
}

function emit(problem: string | null): void {
  const place = document.getElementById('connection')
  const text = problem === null ? '' : `${problem} The page shows an older state, and tries again by itself.`
  if (place && place.textContent !== text) place.textContent = text
}

/** Fetches the page and shows it. Returns a sentence that says what is wrong, or null when the page is up to date. */
async function refresh(): Promise<string | null> {
  let answer: Document
  try {
    const response = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) })
    answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    if (response.status >= 500)
      return sentence(
        `${answer.querySelector('h1')?.textContent ?? 'The server has a problem'}: ${answer.getElementById('problem')?.textContent ?? response.status}`,
      )
  } catch {
    return 'The server (cronledger serve) cannot be reached.'
  }
  showPage(answer)
  return null
}

/** Some messages of a ledger already end with a full stop. */
function sentence(text: string): string {
  return text.replace(/\.?$/, '.')
}

function showPage(answer: Document): void {
  const [main, other] = [document.getElementById('main'), answer.getElementById('main')]
  if (!main || !other) return
  fillIn(other)
  const focused = document.activeElement?.getAttribute('href')
  Idiomorph.morph(main, other, {
    morphStyle: 'outerHTML',
    ignoreActiveValue: true,
    // We must not touch a part that did not change, or a form that a person is filling in.
    callbacks: {
      beforeNodeMorphed: (before: Node, after: Node) => before.nodeName !== 'SEARCH' && !before.isEqualNode(after),
    },
  })
  document.title = answer.title
  const asOf = answer.getElementById('as-of')
  if (asOf) document.getElementById('as-of')?.replaceWith(asOf)
  // A new slot moves all cells by one. The focus must stay on the same slot.
  if (focused && document.activeElement?.getAttribute('href') !== focused) {
    main.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
}
