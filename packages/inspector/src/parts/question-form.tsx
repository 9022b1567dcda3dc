import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { client } from '../model/client.ts'
import { isReadOnly } from '../model/daemon-store.ts'
import { toFormContent, toFormFields, type FormField } from '@codesdkd/client'
import { ProblemText } from './problem-text.tsx'
import { useAction } from './use-action.ts'

interface QuestionFormProps {
  readonly sessionId: string
  readonly questionId: string
  readonly schema: unknown
}

/** The form of a question: a field for each property of its schema; JSON where the schema is of another kind. */
export function QuestionForm({ sessionId, questionId, schema }: QuestionFormProps) {
  const { run, busy, error } = useAction()
  const said = useSignal<ReadonlyMap<string, readonly string[]>>(new Map())
  const json = useSignal('{}')
  const fields = toFormFields(schema)
  const say = (name: string, values: readonly string[]) => (said.value = new Map(said.value).set(name, values))
  const answer = () =>
    run(() => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a person writes: the daemon judges it by the schema
      const content = fields === null ? (JSON.parse(json.value) as Record<string, unknown>) : toFormContent(fields, said.value)
      return client.answerQuestion(sessionId, questionId, { outcome: 'accept', content })
    })
  if (isReadOnly(sessionId)) return null
  return (
    <form
      class="question"
      onSubmit={(event) => {
        event.preventDefault()
        answer()
      }}
    >
      {fields === null ? (
        <label>
          The answer, as JSON
          <textarea rows={4} value={json.value} onInput={({ currentTarget }) => (json.value = currentTarget.value)} />
        </label>
      ) : (
        fields.map((field) => (
          <Field key={field.name} field={field} said={said.value.get(field.name) ?? []} say={(values) => say(field.name, values)} />
        ))
      )}
      <button type="submit" class="approve" disabled={busy.value}>
        Answer
      </button>
      <button
        type="button"
        class="deny"
        disabled={busy.value}
        onClick={() => run(() => client.answerQuestion(sessionId, questionId, { outcome: 'decline' }))}
      >
        Decline
      </button>
      <ProblemText text={error} />
    </form>
  )
}

interface FieldProps {
  readonly field: FormField
  readonly said: readonly string[]
  readonly say: (values: readonly string[]) => void
}

function Field({ field, said, say }: FieldProps) {
  switch (field.input) {
    case 'choice':
    case 'choices':
      return <Choices field={field} said={said} say={say} />
    case 'boolean':
      return (
        <label>
          <input type="checkbox" checked={said[0] === 'true'} onChange={({ currentTarget }) => say([String(currentTarget.checked)])} />{' '}
          {field.label}
        </label>
      )
    case 'text':
      return (
        <label>
          {field.label}
          <input type="text" required={field.required} value={said[0] ?? ''} onInput={({ currentTarget }) => say([currentTarget.value])} />
        </label>
      )
    case 'number':
      return (
        <label>
          {field.label}
          <input
            type="number"
            step="any"
            required={field.required}
            value={said[0] ?? ''}
            onInput={({ currentTarget }) => say([currentTarget.value])}
          />
        </label>
      )
    default:
      return field.input satisfies never
  }
}

function Choices({ field, said, say }: FieldProps) {
  const name = useId()
  const many = field.input === 'choices'
  const offered = field.options.map(({ value }) => value)
  const own = said.find((one) => !offered.includes(one)) ?? ''
  const choose = (value: string, on: boolean) => {
    if (!many) say([value])
    else say(on ? [...said, value] : said.filter((one) => one !== value))
  }
  return (
    <fieldset>
      <legend>{field.label}</legend>
      {field.options.map(({ value, description }) => (
        <label key={value}>
          <input
            type={many ? 'checkbox' : 'radio'}
            name={name}
            checked={said.includes(value)}
            onChange={({ currentTarget }) => choose(value, currentTarget.checked)}
          />{' '}
          {value}
          {description !== undefined && <small>{description}</small>}
        </label>
      ))}
      {field.free && (
        <label>
          Something else
          <input
            type="text"
            value={own}
            onInput={({ currentTarget: { value } }) => say([...(many ? said.filter((one) => offered.includes(one)) : []), value])}
          />
        </label>
      )}
    </fieldset>
  )
}
