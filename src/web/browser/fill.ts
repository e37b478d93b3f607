import { isSafe, writtenAs } from './shell-text.ts'

/** The fields that a section of commands can have. The server names them in `data-fill`. */
const FIELDS = [
  { name: 'reason', label: 'Reason' },
  { name: 'name', label: 'Your name' },
  { name: 'command', label: 'Batch command' },
] as const

const values = new Map<string, string>()
const refused = new Set<string>()

export function startFilling(): void {
  fillIn(document)
  document.addEventListener('input', (event) => {
    const field = fieldOf(event)
    if (field === null) return
    values.set(field.name, field.value)
    if (isSafe(field.value)) refused.delete(field.name)
    else refused.add(field.name)
    fillIn(document)
  })
  // A field would drop the newlines without a word, and two lines of a command would become one.
  document.addEventListener('paste', (event) => refuse(event, event.clipboardData))
  document.addEventListener('drop', (event) => refuse(event, event.dataTransfer))
}

/** A fetched page must be filled, too, before it is compared. Otherwise each refresh would remove the fields. */
export function fillIn(root: ParentNode): void {
  for (const section of root.querySelectorAll('.commands')) addFields(section)
  for (const blank of root.querySelectorAll<HTMLElement>('[data-fill]')) {
    const { fill = '', as = '', blank: placeholder = '' } = blank.dataset
    const value = values.get(fill) ?? ''
    const text = value.trim() === '' ? null : writtenAs(as, value)
    blank.textContent = text ?? placeholder
    blank.classList.toggle('filled', text !== null)
  }
  for (const field of root.querySelectorAll<HTMLInputElement>('.fields input')) {
    const value = values.get(field.name) ?? ''
    if (field.value !== value) field.value = value
    field.ariaInvalid = refused.has(field.name) ? 'true' : null
  }
  for (const problem of root.querySelectorAll('.fields .problem')) {
    const labels = FIELDS.filter(({ name }) => refused.has(name)).map(({ label }) => label)
    const text =
      labels.length === 0
        ? ''
        : `${labels.join(', ')}: line breaks and control characters are not allowed. The text was not filled in.`
    if (problem.textContent !== text) problem.textContent = text
  }
}

/** Adds the fields above the first command that has placeholders for them. */
function addFields(section: Element): void {
  const first = section.querySelector('.remedy:has([data-fill])')
  if (first === null || section.querySelector('.fields') !== null) return
  const fields = document.createElement('div')
  fields.className = 'fields'
  for (const { name, label } of FIELDS) {
    if (section.querySelector(`[data-fill="${name}"]`) === null) continue
    const field = document.createElement('input')
    field.name = name
    field.autocomplete = name === 'name' ? 'name' : 'off'
    field.spellcheck = false
    const text = document.createElement('label')
    text.append(label, field)
    fields.append(text)
  }
  const problem = document.createElement('p')
  problem.className = 'problem'
  problem.role = 'alert'
  fields.append(problem)
  first.before(fields)
}

function refuse(event: Event, data: DataTransfer | null): void {
  const field = fieldOf(event)
  // The last line of a copied text often has a newline. The field drops it, and nothing is lost.
  const text = data?.getData('text/plain').replace(/[\r\n]+$/, '') ?? ''
  if (field === null || isSafe(text)) return
  event.preventDefault()
  refused.add(field.name)
  fillIn(document)
}

function fieldOf({ target }: Event): HTMLInputElement | null {
  return target instanceof HTMLInputElement && target.closest('.fields') !== null ? target : null
}
