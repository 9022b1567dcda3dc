/** Writes what the documentation takes from the code: docs/events.md from the table of payloads. `--check` only compares. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventTypes, payloads } from '@codesdkd/protocol'
import * as z from 'zod'

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly description?: string
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
}

/** A named enumeration is shown in full, a named object by its name: the OpenAPI document has it. */
function typeOf(schema: JsonSchema, named: NonNullable<JsonSchema['$defs']>): string {
  const name = schema.$ref?.split('/').at(-1)
  if (name !== undefined) return named[name]?.enum === undefined ? name : typeOf(named[name], named)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' \\| ')
  const union = schema.anyOf ?? schema.oneOf
  if (union !== undefined) return [...new Set(union.map((one) => typeOf(one, named)))].join(' \\| ')
  if (schema.type === 'array') return `${typeOf(schema.items ?? {}, named)}[]`
  return Array.isArray(schema.type) ? schema.type.join(' \\| ') : typeof schema.type === 'string' ? schema.type : 'any'
}

function section(type: (typeof eventTypes)[number]): string {
  const schema = z.toJSONSchema(payloads[type], { io: 'output', unrepresentable: 'any' }) as JsonSchema
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) === true ? '' : ' (optional)'
    return `| \`${name}\`${optional} | ${typeOf(field, schema.$defs ?? {})} | ${field.description ?? ''} |`
  })
  return [`### \`${type}\``, '', schema.description ?? '', '', '| field | type | |', '|---|---|---|', ...rows, ''].join('\n')
}

const text = `# Events

Generated from \`packages/protocol/src/event.ts\` by \`npm run docs\`.

Every event is
\`{schema_version: 1, seq, time, type, trace: {session_id, task_id?, request_id?}, runtime: {name, model?, runtime_session_id?}, payload}\`.
\`seq\` is gapless from 1 per session; order is by \`seq\`, \`time\` may go back when the clock does. Clients must tolerate types and fields that
they do not know.

For each attempt of a call: requested, policy_evaluated (any number), approved or denied (exactly one), started, output (any number),
completed.
Every accepted task ends with exactly one of \`task.completed\`, \`task.failed\`, \`task.stopped\`, and that is its last event.

${eventTypes.map(section).join('\n')}`

const file = join(import.meta.dirname, '../docs/events.md')
if (process.argv.includes('--check')) {
  if ((await readFile(file, 'utf8')) !== text) {
    process.stderr.write('docs/events.md is out of date: npm run docs\n')
    process.exitCode = 1
  }
} else await writeFile(file, text)
