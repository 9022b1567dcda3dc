import type { Question } from '../core/task-host.ts'

/** One question with the answers to choose from, as agents' own question tools have it. */
export interface FormField {
  /** What the answer stands under; unique in its form. */
  readonly name: string
  readonly text: string
  readonly options: readonly { readonly label: string; readonly description?: string }[]
  /** More than one may be chosen. */
  readonly multiple: boolean
  /** Something else than the options may be answered. */
  readonly free: boolean
}

/** A form of one or more questions: each is a property of the answer. */
export function toQuestion(fields: readonly FormField[]): Question {
  const properties = Object.fromEntries(fields.map((field) => [field.name, toProperty(field)]))
  const required = fields.map(({ name }) => name)
  return {
    title: fields.map(({ text }) => text).join('\n'),
    schema: { type: 'object', properties, required, additionalProperties: false },
  }
}

/** What was answered to a field, as a list of labels or free texts. */
export function toLabels(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.flatMap((one) => (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean' ? [String(one)] : []))
}

// `oneOf` with `const` and `title` is how the Model Context Protocol describes choices; `examples` offers them without insisting.
function toProperty({ text, options, multiple, free }: FormField): object {
  // A choice that is offered twice would fit two branches of `oneOf`, and so be none.
  const distinct = new Map(options.map((option) => [option.label, option]))
  const choices = [...distinct.values()].map(({ label, description }) => ({
    const: label,
    title: label,
    ...(description === undefined ? {} : { description }),
  }))
  const one =
    options.length === 0 || free ? { type: 'string', examples: choices.map(({ title }) => title) } : { type: 'string', oneOf: choices }
  const described = { ...one, ...(free && choices.length > 0 ? { 'x-options': choices } : {}) }
  return multiple ? { type: 'array', items: described, minItems: 1, description: text } : { ...described, description: text }
}
