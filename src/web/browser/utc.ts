/** The key under which the browser stores whether all times are in UTC. */
const KEY = 'cronledger-utc'

/** Makes the browser remember the switch that shows all times in UTC. The switch itself works without a script. */
export function startUtc(): void {
  const box = document.getElementById('utc')
  if (!(box instanceof HTMLInputElement)) return
  // A browser may refuse to store anything. The switch then counts for one page.
  const stored = (use: () => void) => {
    try {
      use()
    } catch {}
  }
  const restore = () => stored(() => (box.checked = localStorage.getItem(KEY) === 'on'))
  restore()
  // The Back button can show a page that was left before the switch was changed.
  addEventListener('pageshow', restore)
  // Another tab has changed it.
  addEventListener('storage', restore)
  box.addEventListener('change', () => stored(() => localStorage.setItem(KEY, box.checked ? 'on' : 'off')))
}
