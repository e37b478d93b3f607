/** The values for the names in a template, such as `${Task}`. An empty value removes the member that would hold it. */
export type TemplateValues = Readonly<Record<string, string>>

/** What `setup --print` prints. */
export interface Printed {
  readonly text: string
  /** Lines for the log that tell the user how to use the text. */
  readonly notes: readonly string[]
}

const PLACEHOLDER = /\$\{([A-Za-z:]+)\}/g

/** Returns a JSON template in which each name that has a value is filled in. The user must fill in the others. */
export function fillJson(template: string, values: TemplateValues): Readonly<Record<string, unknown>> {
  return JSON.parse(template, (_, value: unknown) => {
    if (typeof value === 'string') {
      const filled = value.replace(PLACEHOLDER, (name, key: string) =>
        Object.hasOwn(values, key) ? String(values[key]) : name,
      )
      return filled === '' ? undefined : filled
    }
    // An item with only a `name` is an environment variable whose empty value was removed.
    return Array.isArray(value) ? value.filter((item) => Object.keys(item).join() !== 'name') : value
  })
}

/** Returns the names that are not filled in. */
export function openNames(filled: string): readonly string[] {
  return [...new Set(filled.match(PLACEHOLDER))]
}
