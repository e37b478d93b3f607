/** Starts the buttons that copy a command. If the page cannot use the clipboard, they select the command instead. */
export function startCopying(): void {
  // A screen reader reads a new status, but not the new name of a button. The status is outside of the part that a refresh
  // changes.
  const status = document.getElementById('copied') ?? document.body.appendChild(document.createElement('p'))
  status.id = 'copied'
  status.className = 'aside'
  status.role = 'status'
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button.copy') : null
    const code = button?.parentElement?.querySelector('code')
    if (!button || !code) return
    void copy(code).then((text) => {
      button.textContent = text
      status.textContent = text
    })
  })
}

async function copy(code: Element): Promise<string> {
  try {
    await navigator.clipboard.writeText(code.textContent ?? '')
    return 'Copied'
  } catch {
    // A page without TLS cannot use the clipboard, unless it comes from loopback.
    getSelection()?.selectAllChildren(code)
    return 'Selected: press Ctrl-C'
  }
}
