/** Values for the names in a template, `${Task}`. One that is empty takes away what would hold it. */
export type TemplateValues = Readonly<Record<string, string>>

const NAME = /\$\{([A-Za-z:]+)\}/g

/** A JSON template with the names that have a value filled in; the others stay, for a person to fill in. */
export function fillJson(template: string, values: TemplateValues): unknown {
  return JSON.parse(template, (_, value: unknown) => {
    if (typeof value === 'string') {
      const filled = value.replace(NAME, (name, key: string) =>
        Object.hasOwn(values, key) ? String(values[key]) : name,
      )
      return filled === '' ? undefined : filled
    }
    // An environment variable that lost its value.
    return Array.isArray(value) ? value.filter((item) => Object.keys(item).join() !== 'name') : value
  })
}

/** The names that still stand in a filled template. */
export function openNames(filled: string): readonly string[] {
  return [...new Set(filled.match(NAME))]
}

/** A CloudFormation template with these defaults in the place of its parameters' own. */
export function fillParameters(template: string, defaults: TemplateValues): string {
  return Object.entries(defaults).reduce((text, [name, value]) => {
    const block = new RegExp(`^  ${name}:\\n(?:    .*\\n)+`, 'm')
    if (!block.test(text)) throw new Error(`the template has no parameter ${name}`)
    // JSON's strings are YAML's too.
    return text.replace(
      block,
      (found) => `${found.replace(/^ {4}Default: .*\n/m, '')}    Default: ${JSON.stringify(value)}\n`,
    )
  }, template)
}
