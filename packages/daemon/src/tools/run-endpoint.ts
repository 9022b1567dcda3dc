import type { ToolOutcome, ToolRun } from '../core/tools.ts'
import type { Fetch } from './fetch-through.ts'
import type { EndpointRun } from './tool-entry.ts'

/** How much of a refusal the model is shown. */
const REFUSAL_LIMIT = 4096

export interface EndpointOptions {
  readonly fetch: Fetch
  /** The result is one JSON value, not text. */
  readonly structured: boolean
}

/** Posts the input as JSON; a 2xx answer is the result. Rejects when there is no answer, and when the signal is aborted. */
export async function runEndpoint(run: EndpointRun, call: ToolRun, { fetch, structured }: EndpointOptions): Promise<ToolOutcome> {
  const response = await fetch(run.url, {
    method: 'POST',
    headers: { accept: 'application/json, text/*;q=0.9', ...run.headers, 'content-type': 'application/json' },
    body: JSON.stringify(call.input),
    signal: call.signal,
  })
  const text = await readText(response, run.output_limit)
  if (!response.ok)
    return { result: `The endpoint answered ${response.status}.\n${(text ?? '').slice(0, REFUSAL_LIMIT)}`.trimEnd(), isError: true }
  if (text === null) return { result: `The endpoint answered with more than ${run.output_limit} bytes.`, isError: true }
  if (!structured) return { result: text, isError: false }
  try {
    return { result: JSON.parse(text) as unknown, isError: false }
  } catch {
    return { result: `The endpoint did not answer with JSON:\n${text.slice(0, 2000)}`, isError: true }
  }
}

/** Null for more than the limit; what is left is not read. */
async function readText(response: Response, limit: number): Promise<string | null> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > limit) return null
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
