import { writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectLawful } from '../conformance/law.ts'
import { createBench } from '../harness/daemon.ts'

/** What an agent answers when it is asked to begin, and to make a session. */
const greeting = String.raw`read line; printf '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}\n'`
const opened = String.raw`read line; printf '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}\n'; read line`
const ended = String.raw`printf '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}\n'; exec cat > /dev/null`

/** What an agent may do to its daemon: name -> its whole program, how its task ends, and what the log says of it. */
const agents: Readonly<Record<string, { readonly program: string; readonly code: string | null; readonly notice?: string }>> = {
  'ends-at-once': { program: 'echo no license >&2; exit 3', code: 'agent_start_failed' },
  'ends-in-the-middle': { program: `${greeting}; ${opened}; printf '{"jsonrpc":"2.0","meth'; exit 0`, code: 'agent_exited' },
  'is-not-logged-in': {
    program: String.raw`${greeting}; read line; printf '{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"log in first"}}\n'; exec cat > /dev/null`,
    code: 'auth_required',
  },
  'speaks-another-version': {
    program: String.raw`read line; printf '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"protocol too new"}}\n'; exec cat > /dev/null`,
    code: 'agent_start_failed',
  },
  'prints-garbage': {
    program: `${greeting}; ${opened}; yes 'what is this' | head -100000; printf '\\377\\376\\n{}\\n[]\\nnull\\n'; ${ended}`,
    code: null,
    notice: 'agent.output.invalid',
  },
  'writes-a-line-of-100-mb': {
    program: `${greeting}; ${opened}; head -c 100000000 /dev/zero | tr '\\0' x; echo; ${ended}`,
    code: null,
    notice: 'agent.output.invalid',
  },
  'says-what-nobody-knows': {
    program: String.raw`${greeting}; ${opened}; printf '{"jsonrpc":"2.0","method":"brand/new","params":{"a":1}}\n{"jsonrpc":"2.0","id":9,"method":"brand/newer"}\n'; ${ended}`,
    code: null,
    notice: 'brand/new',
  },
}

test('whatever an agent does, its task has one end that says what happened, and the others go on', async () => {
  await using scripts = await mkdtempDisposable(join(tmpdir(), 'bad-agents-'))
  const given = Object.entries(agents).flatMap(([name, { program }]) => {
    const file = join(scripts.path, name)
    writeFileSync(file, program)
    return ['--agent', `${name}=/bin/sh ${file}`]
  })
  await using bench = await createBench({
    scenarios: [{ name: 'hello', prompt: 'hello', legs: [{ text_repeat: { text: 'on and on ', times: 200 }, delay_ms: 5 }] }],
    args: [...given, '--agent', 'is-not-there=/nonexistent/agent'],
  })
  const { client, folder } = bench
  const good = await client.createSession(bench.session())
  const talking = await client.startTask(good.session_id, 'hello')
  const bad = { ...agents, 'is-not-there': { program: '', code: 'agent_not_installed', notice: undefined } }
  await Promise.all(
    Object.entries(bad).map(async ([runtime, { code, notice }]) => {
      const session = await client.createSession({ runtime, cwd: folder.workspace, permissionMode: 'ask', credentialNamespace: 'test' })
      const end = await client.finish(await client.startTask(session.session_id, 'hello'))
      expect([runtime, end.payload.error?.code ?? null]).toEqual([runtime, code])
      const log = await client.events(session.session_id)
      expectLawful(log)
      const notices = log.flatMap((event) => (event.type === 'runtime.notice' ? [event.payload.kind] : []))
      if (notice !== undefined) expect(notices).toContain(notice)
      expect(notices.length).toBeLessThan(50)
      expect(JSON.stringify(log).length).toBeLessThan(200_000)
    }),
  )
  expect((await client.finish(talking)).type).toBe('task.completed')
  expect((await client.get('/livez')).status).toBe(200)
})
