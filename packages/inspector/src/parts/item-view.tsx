import { toText, type Message } from '@codesdkd/protocol'
import { toClock, toCount, toDuration, toJson, toNumber } from '../model/format.ts'
import type { EndItem, Item, OutputItem, PlanItem, QuestionItem } from '../model/timeline.ts'
import { ArtifactButton } from './artifact-button.tsx'
import { CallView, FileView } from './call-view.tsx'
import { LongText } from './long-text.tsx'
import { QuestionForm } from './question-form.tsx'
import { Code } from './code.tsx'

/** One item of a timeline. */
export function ItemView({ item, sessionId }: { readonly item: Item; readonly sessionId: string }) {
  return (
    <div class="item" data-kind={item.kind} data-seq={item.seq}>
      <time datetime={item.time}>{toClock(item.time)}</time>
      <Body item={item} sessionId={sessionId} />
    </div>
  )
}

function Body({ item, sessionId }: { readonly item: Item; readonly sessionId: string }) {
  switch (item.kind) {
    case 'message':
      return (
        <article class="said">
          <header>{item.steering ? `${item.role}, in between` : item.role}</header>
          <Said content={item.content} />
        </article>
      )
    case 'output':
      return <Output item={item} />
    case 'plan':
      return <Plan item={item} />
    case 'call':
      return <CallView item={item} sessionId={sessionId} />
    case 'question':
      return <Question item={item} sessionId={sessionId} />
    case 'file':
      return <FileView file={item.file} />
    case 'artifact':
      return <ArtifactButton artifactId={item.artifactId} label={item.name} />
    case 'notice':
      return <p class={`notice ${item.level}`}>{item.text}</p>
    case 'end':
      return <End item={item} />
    default:
      return item satisfies never
  }
}

function Said({ content }: { readonly content: Message['content'] }) {
  if (typeof content === 'string') return <LongText text={content} look="prose" />
  return (
    <>
      {content.map((block, index) =>
        block.type === 'image' ? (
          <img key={index} src={`data:${block.media_type};base64,${block.data}`} alt="given with the prompt" />
        ) : (
          <LongText key={index} text={toText([block])} look={block.type === 'text' ? 'prose' : 'code'} />
        ),
      )}
    </>
  )
}

function Output({ item: { form, text, language, writing, partial } }: { readonly item: OutputItem }) {
  const cut = partial ? <small>cut off</small> : null
  if (form === 'reasoning')
    return (
      <details class="reasoning" open={writing}>
        <summary>Reasoning</summary>
        <LongText text={text} look="prose" />
        {cut}
      </details>
    )
  return (
    <article class={`output ${writing ? 'writing' : ''}`}>
      {form === 'code' && language !== undefined && <small>{language}</small>}
      <LongText text={text} look={form === 'code' ? 'code' : 'prose'} />
      {cut}
    </article>
  )
}

const marks = { pending: '○', in_progress: '◐', completed: '●' } as const

function Plan({ item: { entries, explanation } }: { readonly item: PlanItem }) {
  return (
    <article class="plan">
      <header>Plan</header>
      {explanation !== undefined && <p>{explanation}</p>}
      <ul>
        {entries.map(({ text, status }, index) => (
          <li key={index} class={status}>
            <span aria-hidden="true">{marks[status]}</span> {text} <span class="hidden">({status.replace('_', ' ')})</span>
          </li>
        ))}
      </ul>
    </article>
  )
}

function Question({ item: { question, answer }, sessionId }: { readonly item: QuestionItem; readonly sessionId: string }) {
  const { question_id, title, schema } = question
  return (
    <article class={`call ${answer === null ? 'pending' : ''}`}>
      <header>
        <span class="kind">question</span> <strong>{title}</strong>
      </header>
      {answer === null ? (
        <QuestionForm sessionId={sessionId} questionId={question_id} schema={schema} />
      ) : (
        <>
          <p>
            {answer.outcome === 'accept' ? 'Answered' : answer.outcome === 'decline' ? 'Declined' : 'Cancelled'} by{' '}
            {answer.actor ?? answer.answered_by}
            {answer.reason === undefined ? '' : `: ${answer.reason}`}
          </p>
          {answer.content !== undefined && <Code>{toJson(answer.content)}</Code>}
        </>
      )}
    </article>
  )
}

function End({ item: { status, reason, error, receipt } }: { readonly item: EndItem }) {
  const { files_changed_total, commands_total, approvals, usage, cost_usd, time_ms, planted_configuration = [] } = receipt
  const facts = [
    `${toDuration(time_ms.total)} in all`,
    `${toNumber(files_changed_total, 'file')} changed`,
    toNumber(commands_total, 'command'),
    `${approvals.approved} approved, ${approvals.denied} denied`,
    ...(usage === null ? [] : [`${toTokens(usage.input_tokens)} tokens in, ${toTokens(usage.output_tokens)} out`]),
    ...(cost_usd === null ? [] : [`$${cost_usd.toFixed(4)}`]),
  ]
  return (
    <article class={`end ${status}`}>
      <header>
        Task {status}
        {reason === status || reason === '' ? '' : `: ${reason}`}
      </header>
      {error !== undefined && (
        <>
          <p class="problem">
            <code>{error.code}</code> {error.message}
          </p>
          {error.stderr_tail !== undefined && <Code>{error.stderr_tail}</Code>}
        </>
      )}
      <p>{facts.join(' · ')}</p>
      {planted_configuration.map(({ path }) => (
        <p class="warning" key={path}>
          Other programs obey <code>{path}</code>, which was changed: look at it before you run them here.
        </p>
      ))}
    </article>
  )
}

function toTokens(tokens: number | null): string {
  return tokens === null ? 'unknown' : toCount(tokens)
}
