import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { spawnDaemon } from '../harness/daemon.ts'
import { createFolder } from '../harness/workspace.ts'
import { HeardClient } from '../escape/keys/heard-client.ts'
import { createStem, toForms } from '../escape/keys/canary.ts'
import { Search } from '../escape/keys/search.ts'
import { toPrompt, type Step } from '../faults/script.ts'

const agent = join(import.meta.dirname, '../faults/scripted-agent.mjs')
/** Where secrets are kept: all other files of the data directory are searched. */
const secretStores = ['session-env', 'session-settings']

const say = (text: string): Step => ({ text })

/** One text in every way in which programs print it. */
function toPrints(secret: string): readonly string[] {
  const forms = toForms(secret).filter(({ name }) => name !== 'utf16')
  return [
    ...forms.map(({ bytes }) => bytes.toString()),
    JSON.stringify({ secret }),
    JSON.stringify(JSON.stringify({ secret })),
    encodeURIComponent(secret),
  ]
}

test('no known secret is in events, bundles, metrics, logs, answers, files or processes', { timeout: 60_000 }, async () => {
  await using folder = await createFolder()
  const stem = createStem()
  const secret = (name: string) => `${stem}-${name}-${randomBytes(8).toString('hex')}`
  const known = { owner: secret('owner'), client: secret('client'), env: secret('env'), server: secret('server') }
  const tokens = join(folder.path, 'tokens.json')
  await writeFile(tokens, JSON.stringify({ tokens: [{ name: 'one', token: known.client, namespaces: '*', verbs: ['*'] }] }), {
    mode: 0o600,
  })
  await mkdir(folder.dataDir, { mode: 0o700 })
  await using daemon = await spawnDaemon(
    [
      '--data-dir',
      folder.dataDir,
      '--tokens',
      tokens,
      '--metrics',
      '--sandbox',
      'off',
      '--log-level',
      'debug',
      '--agent',
      `scripted=${process.execPath} ${agent}`,
    ],
    { CODESDKD_TOKEN: known.owner },
  )
  const client = new HeardClient(daemon.client.url, known.owner)
  const minted: string = (await client.post('/tokens', { verbs: ['events:read'], ttl_s: 600 })).body.token
  // What was said so far is the token itself, to the one who asked for it.
  client.heard.length = 0
  const secrets: Readonly<Record<string, string>> = { ...known, minted }
  const prints = Object.values(secrets).flatMap(toPrints)
  const search = new Search(folder.path, { stem, marks: secrets })
  const planted = new Search(folder.path, { stem, marks: secrets })
  planted.text('what is planted', prints.join('\n'))
  for (const name of Object.keys(secrets))
    expect(planted.sightings(name).map(({ form }) => form)).toEqual(
      expect.arrayContaining(['plain', 'hex', 'HEX', 'base64 (0)', 'base64 (1)', 'base64 (2)']),
    )

  const { session_id } = await client.createSession({
    runtime: 'scripted',
    cwd: folder.workspace,
    credentialNamespace: 'test',
    permissionMode: 'yolo',
    env: { SERVICE: known.env },
    runtimeConfig: {
      mcp_servers: {
        one: { command: '/bin/true', args: [], env: { SERVICE_KEY: known.server } },
      },
    },
  })
  const halves = Object.values(secrets).flatMap((one) => [say(` ${one.slice(0, 20)}`), say(`${one.slice(20)} `)])
  const output = { type: 'content', content: { type: 'text', text: prints.join('\n') } }
  const call = {
    toolCallId: 'c',
    title: prints[0],
    kind: 'execute',
    rawInput: { command: prints.join(' ') },
    locations: [{ path: `/${known.env}` }],
  }
  const steps: readonly Step[] = [
    ...halves,
    say(prints.join('\n')),
    { update: { sessionUpdate: 'tool_call', status: 'in_progress', ...call } },
    { update: { sessionUpdate: 'tool_call_update', toolCallId: 'c', status: 'failed', content: [output] } },
    { write: `${prints.join(' ')}\n` },
  ]
  const ended = await client.finish(await client.startTask(session_id, toPrompt(...steps)))
  expect(ended.type).toBe('task.completed')
  // The end of what it wrote to stderr is told when it dies.
  const complaint = `${[...Object.values(secrets), ...prints].join('\n')}\n`
  const died = await client.finish(await client.startTask(session_id, toPrompt({ complain: complaint }, { exit: 3 })))
  expect(died.type).toBe('task.failed')
  expect(JSON.stringify(died.payload)).toContain('[REDACTED:known:')
  await client.post('/artifacts', { session_id, content_type: 'text/plain', data: Buffer.from('nothing').toString('base64') })

  const events = await client.events(session_id)
  expect(JSON.stringify(events)).toContain('[REDACTED:known:')
  const artifacts = new Set(JSON.stringify(events).match(/(?<=_(?:id|ref)":")[0-9a-f]{32}/g))
  for (const id of artifacts) await client.get(`/artifacts/${id}`)
  for (const path of [
    '/metrics',
    '/status',
    '/sessions',
    '/events?until=idle',
    `/sessions/${session_id}`,
    `/sessions/${session_id}/transcript`,
  ])
    await client.get(path)
  search.text('the support bundle', gunzipSync(await client.download(`/sessions/${session_id}/support-bundle`)))
  for (const value of Object.values(secrets)) {
    // An error may repeat to a client what it asked for itself, in bounds: where it is the id of something, it is not asked for here.
    await client.get(`/${value}`)
    await client.get(`/sessions?limit=${value}`)
    await client.get('/events?until=idle', { 'last-event-id': value })
    await client.post('/sessions', { cwd: value, permissionMode: value, [value]: value })
  }
  search.text('what the daemon answered', client.heard.join('\n'))
  await search.process(daemon.pid, 'it serves', false)
  await search.tree(
    folder.dataDir,
    secretStores.map((name) => join(folder.dataDir, name)),
  )
  await daemon.end()
  search.text('what the daemon wrote to stderr', daemon.stderr())
  await search.tree(
    folder.dataDir,
    secretStores.map((name) => join(folder.dataDir, name)),
  )
  expect(Object.keys(secrets).flatMap((name) => search.sightings(name))).toEqual([])
})
