import { toFormContent, toFormFields, type FormField } from '@codesdkd/client'
import { askYesNo, type Ask } from './prompt.ts'
import { toSafeLine } from './safe-text.ts'

type Content = Record<string, unknown>

/** Asks for what a question's schema wants to know, field by field; for JSON where no form can show the schema. Null where the input has ended. */
export async function fillForm(schema: unknown, ask: Ask, say: (line: string) => void): Promise<Content | null> {
  const fields = toFormFields(schema)
  if (fields === null) return await askJson(schema, ask, say)
  const said = new Map<string, readonly string[]>()
  for (const field of fields) {
    const values = await askField(field, ask, say)
    if (values === null) return null
    said.set(field.name, values)
  }
  return toFormContent(fields, said)
}

async function askField(field: FormField, ask: Ask, say: (line: string) => void): Promise<readonly string[] | null> {
  const label = toSafeLine(field.label)
  if (field.input === 'boolean') {
    const yes = await askYesNo(ask, `  ${label}`)
    return yes === null ? null : [String(yes)]
  }
  say(`  ${label}${field.required ? '' : '  (Enter for nothing)'}`)
  for (const [index, { value, description }] of field.options.entries())
    say(`    ${index + 1}  ${toSafeLine(value)}${description === undefined || description === value ? '' : `  ${toSafeLine(description)}`}`)
  for (;;) {
    const answer = await ask(`  ${toHint(field)}> `)
    if (answer === null) return null
    if (answer === '' && !field.required) return []
    const values = toValues(field, answer)
    if (values !== null) return values
  }
}

function toHint({ input, options, free }: FormField): string {
  if (options.length === 0) return input === 'number' ? 'a number ' : ''
  const numbers = input === 'choices' ? 'numbers, with commas between them' : `1 to ${options.length}`
  return `${numbers}${free ? ', or something else' : ''} `
}

/** What was said, or null where it is no answer. A number stands for the option that has it. */
export function toValues({ input, options, free, required }: FormField, answer: string): readonly string[] | null {
  if (input === 'number') return answer !== '' && Number.isFinite(Number(answer)) ? [answer] : null
  if (options.length === 0) return answer === '' && required ? null : [answer]
  const parts = input === 'choices' ? answer.split(',').map((part) => part.trim()) : [answer]
  const values = parts.map((part) => {
    const option = /^\d+$/.test(part) ? options[Number(part) - 1] : options.find(({ value }) => value === part)
    return option?.value ?? (free && part !== '' ? part : null)
  })
  return values.every((value) => value !== null) ? values : null
}

async function askJson(schema: unknown, ask: Ask, say: (line: string) => void): Promise<Content | null> {
  say(`  ${toSafeLine(JSON.stringify(schema))}`)
  for (;;) {
    const answer = await ask('  the answer, as JSON> ')
    if (answer === null) return null
    const content = parse(answer)
    if (content !== null) return content
    say('  that is no JSON object')
  }
}

function parse(text: string): Content | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
