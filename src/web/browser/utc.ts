/** The key under which the browser stores whether all times are in UTC. */
const KEY = 'cronledger-utc'

/** Makes the browser remember the switch that shows all times in UTC. The switch itself works without a script. */
export function startUtc(): void {
  const box = document.getElementById('utc')
  if (!(box instanceof HTMLInputElement)) return
  const restore = () => {
    box.checked = isStored()
  }
  restore()
  // The Back button can show a page that was left before the switch was changed.
  addEventListener('pageshow', restore)
  // Another tab has changed it.
  addEventListener('storage', restore)
  box.addEventListener('change', () => store(box.checked))
}

/** A browser may refuse to store anything. The switch then counts for one page. */
function isStored(): boolean {
  try {
    return localStorage.getItem(KEY) !== null
  } catch {
    return false
  }
}

function store(isOn: boolean): void {
  try {
    if (isOn) localStorage.setItem(KEY, '1')
    else localStorage.removeItem(KEY)
  } catch {
    // Only the memory of the switch is lost.
  }
}
