/** One field of a form, made of a property of a JSON Schema. */
export interface FormField {
  readonly name: string
  readonly label: string
  readonly required: boolean
  readonly input: 'text' | 'number' | 'boolean' | 'choice' | 'choices'
  readonly options: readonly FormOption[]
  /** Something else than the options may be said. */
  readonly free: boolean
}

export interface FormOption {
  readonly value: string
  readonly description: string | undefined
}

/** The fields of the schema of an answer; null where a form cannot show it, and JSON must be written. */
export function toFormFields(schema: unknown): readonly FormField[] | null {
  if (!isObject(schema) || !isObject(schema['properties'])) return null
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const fields = Object.entries(schema['properties']).map(([name, property]) => toField(name, property, required.includes(name)))
  return fields.every((field) => field !== null) ? fields : null
}

/** What was said in the form, as the content of an answer. Texts that were left empty are left out where they may be. */
export function toFormContent(fields: readonly FormField[], said: ReadonlyMap<string, readonly string[]>): Record<string, unknown> {
  const content = fields.map((field) => [field.name, toValue(field, said.get(field.name) ?? [])] as const)
  return Object.fromEntries(content.filter(([, value]) => value !== undefined))
}

function toValue({ input, required }: FormField, said: readonly string[]): unknown {
  const [first = ''] = said
  switch (input) {
    case 'boolean':
      return first === 'true'
    case 'number':
      return first === '' ? undefined : Number(first)
    case 'choices':
      return said.filter((one) => one !== '')
    case 'text':
    case 'choice':
      return first === '' && !required ? undefined : first
    default:
      return input satisfies never
  }
}

function toField(name: string, property: unknown, required: boolean): FormField | null {
  if (!isObject(property)) return null
  const label = [property['description'], property['title']].find((text) => typeof text === 'string') ?? name
  const field = { name, label, required }
  if (property['type'] === 'boolean') return { ...field, input: 'boolean', options: [], free: false }
  if (property['type'] === 'number' || property['type'] === 'integer') return { ...field, input: 'number', options: [], free: false }
  if (property['type'] === 'array' && isObject(property['items'])) {
    const { options, free } = toOptions(property['items'])
    return options.length === 0 ? null : { ...field, input: 'choices', options, free }
  }
  if (property['type'] !== 'string' && property['enum'] === undefined && property['oneOf'] === undefined) return null
  const { options, free } = toOptions(property)
  return { ...field, input: options.length === 0 ? 'text' : 'choice', options, free }
}

/** `oneOf` with `const` is how choices are told; `x-options` and `examples` offer them without insisting. */
function toOptions(property: Readonly<Record<string, unknown>>): Pick<FormField, 'options' | 'free'> {
  const closed = [property['oneOf'], property['anyOf'], property['enum']].find(Array.isArray)
  const listed: readonly unknown[] = closed ?? [property['x-options'], property['examples']].find(Array.isArray) ?? []
  return { options: listed.flatMap(toOption), free: closed === undefined }
}

function toOption(option: unknown): readonly FormOption[] {
  if (typeof option === 'string') return [{ value: option, description: undefined }]
  if (!isObject(option) || typeof option['const'] !== 'string') return []
  return [{ value: option['const'], description: typeof option['description'] === 'string' ? option['description'] : undefined }]
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
