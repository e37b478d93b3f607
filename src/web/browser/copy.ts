/** Starts the buttons that copy a command. If the page cannot use the clipboard, they select the command instead. */
export function startCopying(): void {
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button.copy') : null
    const code = button?.parentElement?.querySelector('code')
    if (!button || !code) return
    void copy(code).then((text) => {
      button.textContent = text
      // A screen reader reads a new status, but not the new name of a button.
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
    // A page without TLS cannot use the clipboard, unless it comes from loopback.
    getSelection()?.selectAllChildren(code)
    return 'Selected: press Ctrl-C'
  }
}
