/** The buttons that copy a command, and the selection of a whole command where there is no clipboard. */
export function startCopying(): void {
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button.copy') : null
    const code = button?.parentElement?.querySelector('code')
    if (!button || !code) return
    void copy(code).then((text) => {
      button.textContent = text
      // A screen reader reads a status, not the new name of a button.
      const status = document.getElementById('copied')
      if (status) status.textContent = text
    })
  })
}

async function copy(code: Element): Promise<string> {
  try {
    await navigator.clipboard.writeText(code.textContent ?? '')
    return 'Copied'
  } catch {
    // Beyond loopback a page without TLS has no clipboard.
    getSelection()?.selectAllChildren(code)
    return 'Selected: press Ctrl-C'
  }
}
