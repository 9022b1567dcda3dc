import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { TestClient, type Answer } from '../../harness/client.ts'
import { executable } from '../../harness/daemon.ts'
import type { Cell } from '../cell.ts'
import { heard, turns } from '../heard.ts'
import { first, only } from '../events.ts'
import { finish, play } from '../round.ts'
import { shell } from '../script.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

const token = 'the-token-of-the-daemon-7771'
const key = 'the-key-of-the-provider-7771'
const own = 'the-key-of-the-session-7771'
const word = 'the-secret-of-the-session-7771'

/** A client that shows the daemon's token with every request. */
class TokenClient extends TestClient {
  override request(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return super.request(method, path, body, { ...headers, authorization: `Bearer ${token}` })
  }

  override frames(path: string, { headers = {}, ...options }: Parameters<TestClient['frames']>[1] = {}): ReturnType<TestClient['frames']> {
    return super.frames(path, { ...options, headers: { ...headers, authorization: `Bearer ${token}` } })
  }
}

interface Held {
  readonly secret: string
  /** What holds it: the name of a program. */
  readonly program: string
}

/** The home of a user: an agent may insist on its being there. */
async function createHome({ folder }: Stage): Promise<string> {
  const home = join(folder.path, 'home')
  await mkdir(home)
  return home
}

/** Which secrets the processes of an agent hold while a command of it runs. */
async function heldSecrets(stage: Stage): Promise<readonly Held[]> {
  const { subject, folder, model } = stage
  stage.script({ wait: [{ tools: [shell('echo begun > begun.txt; tail -s 7771 -f /dev/null')] }] })
  const file = join(folder.path, 'token')
  await writeFile(file, token, { mode: 0o600 })
  await using daemon = await stage.start(['--token-file', file], { HOME: await createHome(stage), [subject.credentialVariable]: key })
  const client = new TokenClient(daemon.client.url)
  const session = await client.createSession(
    stage.session({
      credentialNamespace: 'default',
      isolationLevel: 'shared',
      permissionMode: 'yolo',
      env: { MODEL_KEY: own },
      runtimeConfig: subject.providerKey('MODEL_KEY'),
    }),
  )
  const task = await client.startTask(session.session_id, 'wait')
  await until(async () => (await folder.read('begun.txt')) !== null)
  // The key is in use: it is not missed because nobody has it.
  expect(turns(model).map((entry) => model.journal.carries(entry, own))).toContain(true)
  const tree = (await stage.processes()).filter(({ pid }) => pid !== daemon.pid)
  expect(tree.map(({ args }) => basename(args[0] ?? ''))).toContain('tail')
  const held = tree.flatMap(({ args, environment }) =>
    [key, own, token].flatMap((secret) =>
      [...args, ...environment].some((text) => text.includes(secret)) ? [{ secret, program: basename(args[0] ?? '') }] : [],
    ),
  )
  await client.post(`/sessions/${session.session_id}/tasks/${task.task_id}/stop`)
  await finish(client, session, task)
  return held
}

/** What becomes of the secrets that a command of the agent prints: the preview of them, which its model heard, and which stand in the log. */
async function printSecrets(
  stage: Stage,
): Promise<{ readonly output: string; readonly told: readonly string[]; readonly logged: readonly string[] }> {
  const { subject, folder, model } = stage
  stage.script({ show: [{ tools: [shell('env')] }, { text: 'Shown.' }] })
  const file = join(folder.path, 'token')
  await writeFile(file, token, { mode: 0o600 })
  await using daemon = await stage.open(['--token-file', file], { HOME: await createHome(stage), [subject.credentialVariable]: key })
  const client = new TokenClient(daemon.client.url)
  const shared = stage.session({
    credentialNamespace: 'default',
    isolationLevel: 'shared',
    env: { SESSION_WORD: word, MODEL_KEY: own },
    runtimeConfig: subject.providerKey('MODEL_KEY'),
  })
  const { end, events, session } = await play(client, shared, 'show', { decide: () => null })
  expect(end.type).toBe('task.completed')
  const log = JSON.stringify(await client.events(session.session_id))
  const everything = [key, own, token, word]
  return {
    output: only(events, 'tool.output.completed').payload.result_preview,
    // What the command printed went to the model as it was.
    told: everything.filter((secret) => heard(model, secret)),
    logged: everything.filter((secret) => log.includes(secret)),
  }
}

/** Stores a key of the subject in the namespace of its sessions, as a person does. */
async function setKey({ subject, folder, model }: Stage, secret: string): Promise<void> {
  const { args = [], env = {} } = subject.daemon ?? {}
  const target = [subject.runtime, '--namespace', 'test', '--variable', subject.credentialVariable, '--endpoint', model.url]
  const child = spawn(process.execPath, [executable, 'keys', 'set', ...target, '--data-dir', folder.dataDir, ...args], {
    env: { ...process.env, XDG_CONFIG_HOME: '/nonexistent', ...env },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin.end(`${secret}\n`)
  const [code] = (await once(child, 'exit')) as [number | null]
  expect(code).toBe(0)
}

const masked = /^SESSION_WORD=\[REDACTED:[^\]]+\]$/m

export const secrets: readonly Cell[] = [
  {
    name: "the agent's commands hold no key of the provider and no token of the daemon, and what is secret in the session is masked",
    proves: { hides_keys_from_commands: true },
    async run(stage) {
      const { output, told, logged } = await printSecrets(stage)
      expect(output).toMatch(masked)
      // A key is for the gateway alone, and the token for no agent.
      expect(told).toEqual([word])
      expect(logged).toEqual([])
    },
  },
  {
    name: 'no process of the agent holds a key of the provider in its environment or on its command line, nor the token of the daemon',
    proves: { hides_keys: true },
    async run(stage) {
      const held = await heldSecrets(stage)
      expect(held).toEqual([])
    },
  },
  {
    name: 'a key that was stored with `codesdkd keys set` reaches the endpoint, and no process of the agent',
    async run(stage) {
      const { subject, model } = stage
      const stored = 'the-stored-key-of-the-namespace-7771'
      await setKey(stage, stored)
      stage.script({ hello: [{ text: 'Hello.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const status = async (namespace: string) =>
        (await client.get(`/auth/status?runtime=${subject.runtime}&credential_namespace=${namespace}`)).body.logged_in
      expect([await status('test'), await status('other')]).toEqual([true, false])
      const session = (credentialNamespace: string) =>
        stage.session({ credentialNamespace, runtimeConfig: subject.providerKey(subject.credentialVariable) })
      expect((await play(client, session('test'), 'hello')).end.type).toBe('task.completed')
      expect(turns(model).map((entry) => model.journal.carries(entry, stored))).toEqual([true])
      const processes = await stage.processes()
      expect(processes.length).toBeGreaterThan(0)
      expect(processes.filter(({ args, environment }) => [...args, ...environment].some((text) => text.includes(stored)))).toEqual([])
      // It is nobody else's.
      expect((await play(client, session('other'), 'hello')).end.payload.error).toMatchObject({ code: 'auth_required' })
    },
  },
  {
    name: "the daemon's own keys reach no agent of another namespace",
    async run(stage) {
      stage.script({ hello: [{ text: 'Hello.' }] })
      await using daemon = await stage.open([], { [stage.subject.credentialVariable]: key })
      await play(daemon.client, stage.session(), 'hello')
      expect(first(await stage.agents()).environment.join()).not.toContain(key)
    },
  },
  {
    name: 'a login of the user is seen and never shown, as is a key; both are those of the user alone',
    proves: { auth_model: 'login_or_api_key' },
    async run(stage) {
      const { subject, folder } = stage
      const login = join(folder.path, 'home')
      const nothing = join(folder.path, 'empty')
      await subject.logIn(login, key)
      for (const [environment, logged_in] of [
        [{ HOME: login }, true],
        [{ HOME: nothing, [subject.credentialVariable]: key }, true],
        [{ HOME: nothing }, false],
      ] as const) {
        await using daemon = await stage.open([], { [subject.credentialVariable]: '', ...environment })
        const status = (query = '') => daemon.client.get(`/auth/status?runtime=${subject.runtime}${query}`)
        const users = await status()
        expect(users.body).toMatchObject({ ok: true, auth_model: subject.capabilities.auth_model, logged_in })
        expect([key, folder.path].filter((secret) => users.text.includes(secret))).toEqual([])
        expect((await status('&credential_namespace=test')).body).toMatchObject({
          ok: true,
          logged_in: false,
          login_hint: expect.any(String),
        })
      }
    },
  },
]
