import { payloads, type Event } from '@codesdkd/protocol'
import * as z from 'zod'
import { invalid } from './read-archive.ts'

/** Text of a file that is to be UTF-8. Throws `StartFailure`: invalid_bundle, like all here. */
export function toText(name: string, content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (error) {
    throw invalid(`${name} is not UTF-8`, error)
  }
}

export function parseJson<T>(name: string, content: Uint8Array, schema: z.ZodType<T>): T {
  return check(name, parse(name, toText(name, content)), schema)
}

export function parse(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(`${name} is not JSON`, error)
  }
}

export function check<T>(name: string, value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0] ?? { path: [], message: 'is not valid' }
  const place = path.map((part) => String(part).slice(0, 64)).join('.')
  throw invalid(`${name}: ${place === '' ? '' : `${place}: `}${message}`, result.error)
}

const { shape } = payloads['session.created']

/** The settings of a session, in the names of its first event. */
const settings = z.object({
  model: shape.model,
  permission_mode: shape.permission_mode,
  escalation: shape.escalation,
  cwd: shape.cwd,
  runtime_config: shape.runtime_config,
  credential_namespace: shape.credential_namespace,
  isolation_level: shape.isolation_level,
  isolation_mode: shape.isolation_mode,
  confinement: shape.confinement,
  trust_workspace: shape.trust_workspace,
  title: shape.title.optional(),
  metadata: shape.metadata.optional(),
  forked_from: shape.forked_from,
})

/** The settings with which the events begin: those of the first event; where it was left out, those that the session had in the end. */
export function toSettings(first: Event, runtimeConfig: Uint8Array, runtimeEnv: Uint8Array): z.infer<typeof settings> {
  const object = z.record(z.string(), z.unknown())
  const last = {
    ...parseJson('runtime-env.json', runtimeEnv, object),
    ...parseJson('runtime-config.json', runtimeConfig, object),
  }
  return first.type === 'session.created'
    ? check('events.jsonl, line 1', first.payload, settings)
    : check('runtime-config.json', last, settings)
}
