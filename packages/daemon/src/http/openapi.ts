import * as z from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject, type ZodOpenApiResponseObject } from 'zod-openapi'
import { eventSchema, eventTypes, problemBody, problems } from '@codesdkd/protocol'
import { toCamelCase } from './casing.ts'
import type { Examples } from './examples.ts'
import { errorsByStatus, type Route } from './route.ts'

export interface DocumentOptions {
  readonly version: string
  readonly basePath: string
  /** What was once sent and answered; without them the document has none. */
  readonly examples?: Examples
}

type Document = ReturnType<typeof createDocument>

/** The OpenAPI document of the routes. Every event type is a component of it. */
export function toOpenApi(routes: readonly Route[], options: DocumentOptions): Document {
  const paths: ZodOpenApiPathsObject = {}
  for (const one of routes)
    paths[one.path] = { ...paths[one.path], [one.method.toLowerCase()]: toOperation(one, options.examples?.[one.operationId]) }
  return withEveryEvent(
    createDocument(
      {
        openapi: '3.1.0',
        info: {
          title: 'CodeSDK Daemon API',
          version: options.version,
          description: 'One local HTTP daemon for every coding agent: sessions, tasks, durable events, approvals.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
        servers: [{ url: options.basePath === '' ? '/' : options.basePath }],
        security: [{ bearer: [] }, {}],
        paths,
        components: {
          schemas: Object.fromEntries(eventTypes.map((type) => [toEventName(type), eventSchema(type)])),
          securitySchemes: {
            bearer: {
              type: 'http',
              scheme: 'bearer',
              description:
                'In mode `--auth token`, and wherever a token of `POST /tokens` is used. `x-codesdkd-verb` is what it has to allow.',
            },
          },
        },
      },
      {
        // A newer daemon may answer more: a client that validates must not be told otherwise.
        override: ({ jsonSchema }) => {
          if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
        },
      },
    ),
  )
}

/** An event is one of those that are known, or one of a newer daemon. */
function withEveryEvent(document: Document): Document {
  const { Event: other, ...schemas } = document.components?.schemas ?? {}
  if (other === undefined) return document
  const names = [...eventTypes.map(toEventName), 'Event.other']
  const Event = { description: 'One event of the log.', anyOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` })) }
  return { ...document, components: { ...document.components, schemas: { ...schemas, 'Event.other': other, Event } } }
}

const tags: Readonly<Record<Route['tag'], string>> = {
  runtimes: 'The agents of this machine: what they can, whether they are installed and logged in',
  sessions: 'Conversations with an agent in a folder',
  events: 'The durable log of a session, and of all of them: by pages and as a stream',
  tasks: 'What an agent is asked to do',
  approvals: 'What waits for a person: tool calls and questions',
  tools: 'Calls of tools that the host runs itself',
  artifacts: 'Files beside the log, and support bundles',
  daemon: 'The daemon about itself, and its tokens',
}

/** `task.started` -> `Event.task.started`. */
function toEventName(type: string): string {
  return `Event.${type}`
}

function toOperation(one: Route, example: Examples[string] | undefined): ZodOpenApiOperationObject {
  return {
    operationId: one.operationId,
    tags: [one.tag],
    summary: one.summary,
    ...(one.description === undefined ? {} : { description: one.description }),
    ...(one.open === true ? { security: [{}] } : { 'x-codesdkd-verb': one.verb }),
    requestParams: {
      ...(one.path.includes('{') ? { path: pathSchema(one.path) } : {}),
      ...(one.query === undefined ? {} : { query: one.query }),
      ...(one.requestHeaders === undefined ? {} : { header: headerSchema(one.requestHeaders) }),
    },
    ...(one.body === undefined
      ? {}
      : {
          requestBody: {
            required: isRequired(one.body),
            content: { 'application/json': { schema: withCamelCase(one.body), ...toExample(example?.request) } },
          },
        }),
    responses: { [one.success.status]: toSuccess(one, example?.answer), ...toConditional(one), ...toFailures(one) },
  }
}

const parameters: Readonly<Record<string, string>> = {
  session_id: 'id of a session',
  task_id: 'id of a task of the session',
  tool_call_id: '`tool_call_id` of the event `tool.call.requested`',
  token_id: 'as `POST /tokens` told it',
  artifact_id: '32 hexadecimal digits, as events name it',
}

function pathSchema(path: string): z.ZodObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  return z.object(Object.fromEntries(names.map((name) => [name, z.string().meta({ description: parameters[name] ?? name })])))
}

function headerSchema(headers: Readonly<Record<string, string>>): z.ZodObject {
  return z.object(
    Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, z.string().optional().meta({ description })])),
  )
}

function isRequired(body: z.ZodObject): boolean {
  return !body.safeParse({}).success
}

/** Requests are read in both spellings; the document shows the second one as what it is. */
function withCamelCase(body: z.ZodObject): z.ZodObject {
  const twins = Object.entries(body.shape).filter(([name]) => toCamelCase(name) !== name)
  const shape = Object.fromEntries(twins.map(([name, schema]) => [toCamelCase(name), twin(schema, name)]))
  const { id, ...meta } = body.meta() ?? {}
  return body.extend(shape).meta({ ...meta, ...(id === undefined ? {} : { id }) })
}

/** Never required, whatever the field is: one spelling is enough. */
function twin(schema: z.core.$ZodType, name: string): z.ZodType {
  return (schema instanceof z.ZodType ? schema : z.unknown()).optional().meta({ description: `Another spelling of \`${name}\`.` })
}

function toExample(value: unknown): { readonly example?: unknown } {
  return value === undefined ? {} : { example: value }
}

function toSuccess({ success }: Route, answer: unknown): ZodOpenApiResponseObject {
  return {
    description: success.description,
    content: Object.fromEntries(
      Object.entries(success.content).map(([type, schema]) => [
        type,
        schema === null ? {} : { schema, ...(type === 'application/json' ? toExample(answer) : {}) },
      ]),
    ),
    ...(success.headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(success.headers).map(([name, description]) => [name, { description, schema: { type: 'string' as const } }]),
          ),
        }),
  }
}

/** What the headers of a request make of the answer. */
function toConditional({ requestHeaders = {}, success }: Route): Record<string, ZodOpenApiResponseObject> {
  const part = Object.fromEntries(Object.keys(success.content).map((type) => [type, {}]))
  return {
    ...('Range' in requestHeaders ? { 206: { description: 'The bytes that `Range` names', content: part } } : {}),
    ...('If-None-Match' in requestHeaders ? { 304: { description: 'The client has it already' } } : {}),
  }
}

function toFailures(one: Route): Record<string, ZodOpenApiResponseObject> {
  return Object.fromEntries(
    [...errorsByStatus(one)].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${problems[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: problemBody } },
      },
    ]),
  )
}
