import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { TestClient, type Answer } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { heard } from '../heard.ts'
import { first, only } from '../events.ts'
import { play } from '../round.ts'
import { shell } from '../script.ts'

const token = 'the-token-of-the-daemon-7771'
const key = 'the-key-of-the-provider-7771'
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

export const secrets: readonly Cell[] = [
  {
    name: "the agent's commands hold no key of the provider and no token of the daemon, and what is secret in the session is masked",
    async run(stage) {
      const { subject, folder } = stage
      stage.script({ show: [{ tools: [shell('env')] }, { text: 'Shown.' }] })
      const file = join(folder.path, 'token')
      await writeFile(file, token, { mode: 0o600 })
      await using daemon = await stage.open(['--token-file', file], { HOME: join(folder.path, 'home'), [subject.credentialVariable]: key })
      const client = new TokenClient(daemon.client.url)
      const shared = stage.session({ credentialNamespace: 'default', isolationLevel: 'shared', env: { SESSION_WORD: word } })
      const { end, events, session } = await play(client, shared, 'show', { decide: () => null })
      expect(end.type).toBe('task.completed')
      const output = only(events, 'tool.output.completed').payload.result_preview
      expect(output).toMatch(/^SESSION_WORD=\[REDACTED:[^\]]+\]$/m)
      // The agent may use the key; what it runs may not. The token is for neither.
      const agent = first(await stage.agents())
      expect(agent.environment).toContain(`${subject.credentialVariable}=${key}`)
      expect(agent.environment.join()).not.toContain(token)
      expect([heard(stage.model, key), heard(stage.model, token)]).toEqual([false, false])
      const log = JSON.stringify(await client.events(session.session_id))
      expect([key, token, word].filter((secret) => log.includes(secret))).toEqual([])
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
