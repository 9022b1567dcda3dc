import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createBench, type TestBench } from '../harness/daemon.ts'
import { checkEveryAnswer } from './declared.ts'

/** What strangers send of tools: whatever it is, each answer is one that the OpenAPI document declares, none is a 5xx, and each comes. */
let bench: TestBench
let session: string
/** The call of a tool that runs, so that results are looked at and other tasks wait behind it. */
let call: { readonly tool_call_id: string; readonly attempt: number; readonly input_hash: string }

/** Nobody guesses what fits. */
const secret = 'f1ts-0nly-th1s'
const hosted = {
  name: 'hosted',
  description: 'Waits for its host.',
  permission: 'read-only',
  input_schema: { type: 'object' },
  output_schema: { anyOf: [{ const: secret }, { type: 'string', pattern: `^(a+)+${secret}$` }] },
}

beforeAll(async () => {
  const agent = join(import.meta.dirname, '../lifecycle/testing/stdio-agent.mjs')
  bench = await createBench({ args: ['--sandbox', 'off', '--agent', `stdio=${process.execPath} ${agent}`] })
  const { client, folder } = bench
  await checkEveryAnswer(client)
  const body = { runtime: 'stdio', cwd: folder.workspace, permissionMode: 'ask', credentialNamespace: 'test' }
  session = (await client.createSession(body)).session_id
  await client.startTask(session, JSON.stringify({ name: 'hosted', input: {} }), { toolManifest: [hosted] })
  call = (await client.event(session, 'tool.call.started')).payload
})
afterAll(() => bench[Symbol.asyncDispose]())

const names = fc.oneof(
  fc.constantFrom('a', 'A', 'hosted', '__proto__', 'constructor', '', ' ', 'x'.repeat(41), 'ä', 'a-b', '../a', 'a\0b', '💥', '1a'),
  fc.string({ maxLength: 50 }),
)
const patterns = fc.oneof(
  fc.constantFrom('(a+)+$', '(', '[', '(?<n>a)\\k<n>', '^(?:(?:a|aa)+)+b$', '\\p{L}+', '(?!'),
  fc.string({ maxLength: 20 }),
)
const references = fc.constantFrom('#', '#/$defs/a', '#/nowhere', '#a', 'https://example.com/s', 'file:///etc/passwd', '//x', 'urn:x', '')

const { schema } = fc.letrec((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(true, false, {}, null, 7, 'string', []),
    fc.record(
      {
        type: fc.oneof(fc.constantFrom('object', 'array', 'string', 'integer', 'nonsense'), fc.jsonValue()),
        properties: fc.oneof(fc.dictionary(names, tie('schema'), { maxKeys: 3 }), fc.jsonValue()),
        patternProperties: fc.dictionary(patterns, tie('schema'), { maxKeys: 2 }),
        required: fc.oneof(fc.array(names, { maxLength: 3 }), fc.jsonValue()),
        items: tie('schema'),
        anyOf: fc.array(tie('schema'), { maxLength: 3 }),
        not: tie('schema'),
        pattern: patterns,
        $ref: references,
        $dynamicRef: references,
        $id: references,
        $defs: fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('schema'), { maxKeys: 2 }),
        $async: fc.boolean(),
        $schema: fc.constantFrom('https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-04/schema#', 'x'),
        enum: fc.jsonValue(),
        maxLength: fc.oneof(fc.integer(), fc.jsonValue()),
        uniqueItems: fc.boolean(),
        unheardOf: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  ),
}))

const cyclic = '{"type":"object","properties":{"next":{"$ref":"#"}}}'
/** As JSON text, so that what JavaScript makes of a name changes nothing. */
const deep = fc.integer({ min: 1, max: 90 }).map((levels) => `${'{"items":'.repeat(levels)}{}${'}'.repeat(levels)}`)
const huge = fc.integer({ min: 60, max: 80 }).map((kilobytes) => JSON.stringify({ description: 'x'.repeat(kilobytes * 1024) }))
const schemaText = fc.oneof(
  { weight: 8, arbitrary: schema.map((one) => JSON.stringify(one)) },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: huge },
)

const entryText = fc
  .record(
    {
      name: fc.oneof(names, fc.jsonValue()).map((one) => JSON.stringify(one)),
      description: fc.oneof(fc.string({ minLength: 1 }), fc.jsonValue()).map((one) => JSON.stringify(one)),
      input_schema: schemaText,
      inputSchema: schemaText,
      output_schema: schemaText,
      permission: fc.oneof(fc.constantFrom('read-only', 'dangerous', 'all'), fc.jsonValue()).map((one) => JSON.stringify(one)),
      timeoutMs: fc.oneof(fc.integer(), fc.jsonValue()).map((one) => JSON.stringify(one)),
      __proto__x: fc.constant('{"polluted":true}'),
    },
    { requiredKeys: ['name', 'description', 'input_schema'] },
  )
  .map(
    (entry) =>
      `{${Object.entries(entry)
        .map(([key, json]) => `${JSON.stringify(key.replace('__proto__x', '__proto__'))}:${json}`)
        .join()}}`,
  )
const manifestText = fc.oneof(
  fc
    .array(
      fc.oneof(
        entryText,
        names.map((name) => JSON.stringify(name)),
      ),
      { maxLength: 3 },
    )
    .map((entries) => `[${entries.join()}]`),
  entryText.map((entry) => `{"tools":[${entry}]}`),
  fc.jsonValue().map((one) => JSON.stringify(one)),
)

/** Parsed, a name such as `__proto__` is one like any other, and goes out again as it is. */
const post = (path: string, body: string) => bench.client.post(`/sessions/${session}${path}`, JSON.parse(body))
const seen = new Set<number>()

/** Sends a task; one that is taken waits behind the call that runs, and is taken back. */
async function offer(fields: string): Promise<void> {
  const { status, body } = await post('/tasks', `{"messages":[{"role":"user","content":"go"}],${fields}}`)
  expect([202, 400]).toContain(status)
  seen.add(status)
  if (status === 202) expect((await post(`/tasks/${String(body['task_id'])}/stop`, '{}')).body).toMatchObject({ status: 'stopped' })
  expect('polluted' in {}).toBe(false)
}

// A schema that explodes takes the two seconds that it is given; few of them come.
beforeEach(() => seen.clear())
const runs = { numRuns: 60 }
const limit = { timeout: 180_000 }

test('manifests', limit, async () => {
  const both = `[{"name":"a","description":"d","input_schema":{},"inputSchema":${cyclic}}]`
  const examples: [string][] = [[`[{"name":"a","description":"d","inputSchema":${cyclic}}]`], [both]]
  await fc.assert(
    fc.asyncProperty(manifestText, (manifest) => offer(`"toolManifest":${manifest}`)),
    { ...runs, examples },
  )
  expect(seen).toEqual(new Set([202, 400]))
})

test('output schemas', limit, async () => {
  await fc.assert(
    fc.asyncProperty(schemaText, (one) => offer(`"outputSchema":${one}`)),
    { ...runs, examples: [[cyclic], ['{"$ref":"file:///etc/passwd"}']] },
  )
  expect(seen).toEqual(new Set([202, 400]))
})

test('results', limit, async () => {
  const identity = { attempt: call.attempt, input_hash: call.input_hash }
  const results = fc.oneof(
    fc.jsonValue().map((one) => JSON.stringify(one)),
    deep,
    fc.constantFrom(`"${'a'.repeat(100)}"`, `"${'a'.repeat(100_000)}"`, '{"__proto__":{"polluted":true}}'),
  )
  const changes = fc.record(
    { attempt: fc.jsonValue(), input_hash: fc.jsonValue(), inputHash: fc.jsonValue(), is_error: fc.constantFrom('true', 1, null, {}) },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(results, fc.oneof(fc.constant({}), changes), async (result, change) => {
      const others = JSON.stringify({ ...identity, ...change }).slice(1, -1)
      const { status } = await post(`/tool-calls/${call.tool_call_id}/result`, `{${others},"result":${result}}`)
      expect([400, 409]).toContain(status)
      expect('polluted' in {}).toBe(false)
    }),
    runs,
  )
})

test('after all of it the call still waits, and takes what fits', async () => {
  const { attempt, input_hash } = call
  const given = await bench.client.post(`/sessions/${session}/tool-calls/${call.tool_call_id}/result`, {
    attempt,
    input_hash,
    result: secret,
  })
  expect(given.status).toBe(200)
})
