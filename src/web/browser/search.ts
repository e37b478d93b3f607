/** Enter asks the server, which looks at all tasks. */
export function startSearch(): void {
  const input = document.querySelector<HTMLInputElement>('search input[name="q"]')
  if (!input) return
  const showMatches = () => {
    const part = input.value.trim().toLowerCase()
    const rows = [...document.querySelectorAll<HTMLElement>('#tasks tr[data-task]')]
    const isWanted = (name = '') => (part.endsWith('*') ? name.startsWith(part.slice(0, -1)) : name.includes(part))
    for (const row of rows) row.hidden = !isWanted(row.dataset['task'])
    const found = rows.filter(({ hidden }) => !hidden).length
    const output = document.getElementById('found')
    // A screen reader reads the number.
    if (output) output.textContent = part === '' ? '' : `${found} of ${rows.length} tasks`
  }
  input.addEventListener('input', showMatches)
  document.addEventListener('refreshed', showMatches)
}
