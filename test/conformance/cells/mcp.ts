import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, first, ofType, only } from '../events.ts'
import { heard } from '../heard.ts'
import { finish, play } from '../round.ts'
import type { LegInput } from '../script.ts'
import type { Stage } from '../stage.ts'
import type { McpServer, SessionBody } from '../subject.ts'

const program = join(import.meta.dirname, '../../fixtures/mcp/notes.ts')

/** The MCP server `notes`, started by the agent, which writes into this file. */
const overStdio = (stage: Stage, file = notesOf(stage)): McpServer => ({ command: process.execPath, args: [program, file] })

const notesOf = (stage: Stage): string => join(stage.folder.workspace, 'notes.txt')

const readNotes = (stage: Stage): Promise<string | null> => stage.folder.read('notes.txt')

/** A session with these servers, whose program it may read: it is started inside the sandbox. */
function withServers(stage: Stage, servers: Readonly<Record<string, McpServer>>, more: SessionBody = {}): SessionBody {
  return stage.session({ ...more, readableRoots: [program], runtimeConfig: stage.subject.mcpServers(servers) })
}

const withNotes = (stage: Stage, notes: McpServer, more?: SessionBody): SessionBody => withServers(stage, { notes }, more)

const calls = (tool: string, text: string, server = 'notes'): LegInput => ({
  tools: [{ tool: 'mcp', server, name: tool, input: { text } }],
})

/** The same server on its own, over streamable HTTP. */
async function overHttp(stage: Stage): Promise<{ readonly server: McpServer } & AsyncDisposable> {
  const child = spawn(process.execPath, [program, notesOf(stage), '--http'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    server: { url },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

export const mcp: readonly Cell[] = [
  {
    name: 'ask: a tool of an MCP server waits for a person: approved it runs, denied it does not',
    quick: true,
    needs: { mcp_support: 'native' },
    proves: { mcp_support: 'native' },
    async run(stage) {
      stage.script({ note: [calls('add', 'first'), calls('add', 'second'), { text: 'One of two.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'note', {
        decide({ payload }) {
          expect(payload).toMatchObject(stage.subject.tools.mcp('notes', 'add'))
          return JSON.stringify(payload.input).includes('first') ? null : 'One note is enough.'
        },
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events).map((one) => one.replace(/.*: /, ''))).toEqual(['approved by user (person)', 'denied by user (person)'])
      expect(only(events, 'tool.call.completed').payload).toMatchObject({
        is_error: false,
        execution_env: 'sandbox',
        result_preview: expect.stringContaining('noted: first'),
      })
      expect(await readNotes(stage)).toBe('first\n')
    },
  },
  {
    name: 'MCP servers over HTTP and over stdio serve one session',
    needs: { mcp_transports: ['stdio', 'streamable_http'] },
    proves: { mcp_transports: ['stdio', 'streamable_http'] },
    async run(stage) {
      stage.script({ note: [calls('add', 'over the wire', 'wire'), calls('add', 'over a pipe', 'pipe'), { text: 'Noted.' }] })
      await using http = await overHttp(stage)
      await using daemon = await stage.open()
      const session = withServers(stage, { wire: http.server, pipe: overStdio(stage) })
      const { events } = await play(daemon.client, session, 'note', { decide: () => null })
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.result_preview)).toEqual([
        expect.stringContaining('noted: over the wire'),
        expect.stringContaining('noted: over a pipe'),
      ])
      expect(await readNotes(stage)).toBe('over the wire\nover a pipe\n')
    },
  },
  {
    name: 'a tool of an MCP server that calls itself read-only runs unasked, and the capabilities say so',
    needs: { mcp_support: 'native', asks_read_only_mcp_tools: false },
    proves: { asks_read_only_mcp_tools: false },
    async run(stage) {
      stage.script({ look: [calls('peek', 'nothing'), { text: 'Seen.' }] })
      await using daemon = await stage.open()
      const { events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'look')
      expect(first(ofType(events, 'tool.call.approved')).payload.decided_by).toBe('runtime')
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: false, result_preview: 'peeked at nothing' })
      expect(stage.subject.capabilities.notes).toContainEqual(expect.stringMatching(/MCP servers that call themselves read-only/))
    },
  },
  {
    name: 'ask: a tool of an MCP server that calls itself read-only is asked as any other',
    needs: { mcp_support: 'native', asks_read_only_mcp_tools: true },
    proves: { asks_read_only_mcp_tools: true },
    async run(stage) {
      stage.script({ look: [calls('peek', 'nothing'), { text: 'Not seen.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'look', { decide: () => 'Do not look.' })
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.denied').payload.decided_by).toBe('user')
      expect(ofType(events, 'tool.call.completed')).toEqual([])
    },
  },
  {
    name: 'auto: a tool of an MCP server runs unasked, and its server is in the sandbox: it writes in the workspace and not beside it',
    needs: { mcp_support: 'native' },
    async run(stage) {
      stage.script({ note: [calls('add', 'first'), calls('add', 'second', 'beside'), { text: 'One of two.' }] })
      await using daemon = await stage.open()
      const servers = { notes: overStdio(stage), beside: overStdio(stage, join(stage.folder.path, 'notes.txt')) }
      const { end, events } = await play(daemon.client, withServers(stage, servers, { permissionMode: 'auto' }), 'note')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => [payload.is_error, payload.execution_env])).toEqual([
        [false, 'sandbox'],
        [true, 'sandbox'],
      ])
      expect(heard(stage.model, 'EROFS', { leg: 2 })).toBe(true)
      expect([await readNotes(stage), await stage.folder.read('../notes.txt')]).toEqual(['first\n', null])
    },
  },
  {
    name: "without the daemon's sandbox, auto: a tool of an MCP server runs beside the agent's own, and is denied",
    needs: { mcp_support: 'native', own_confinement: 'sandbox' },
    async run(stage) {
      stage.script({ note: [calls('add', 'first'), { text: 'Not noted.' }] })
      await using daemon = await stage.open()
      const session = withNotes(stage, overStdio(stage), { sandbox: 'off', permissionMode: 'auto' })
      const { end, events } = await play(daemon.client, session, 'note')
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.denied').payload).toMatchObject({
        decided_by: 'policy',
        policy_snapshot: { sources: ['outside_confinement'] },
      })
      expect(await readNotes(stage)).toBeNull()
    },
  },
  {
    name: 'a question of an MCP server reaches the person, and her answer the server',
    needs: { mcp_support: 'native', passes_on_elicitations: true },
    proves: { passes_on_elicitations: true },
    async run(stage) {
      stage.script({ consult: [calls('consult', 'Which colour?'), { text: 'Blue.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(withNotes(stage, overStdio(stage)))
      const task = await client.startTask(session.session_id, 'consult')
      const ended = finish(client, session, task, () => null)
      const { payload } = await client.event(session.session_id, 'question.asked')
      expect(payload.title).toContain('Which colour?')
      const url = `/sessions/${session.session_id}/questions/${payload.question_id}/answer`
      expect((await client.post(url, { outcome: 'accept', content: { answer: 'blue' } })).status).toBe(200)
      expect((await ended).end.type).toBe('task.completed')
      expect(JSON.parse((await readNotes(stage)) ?? '')).toMatchObject({ action: 'accept', content: { answer: 'blue' } })
    },
  },
  {
    name: 'a question of an MCP server that the agent does not pass on holds nothing up',
    needs: { mcp_support: 'native', passes_on_elicitations: false },
    proves: { passes_on_elicitations: false },
    async run(stage) {
      stage.script({ consult: [calls('consult', 'Which colour?'), { text: 'Nobody knows.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'consult', { decide: () => null })
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'question.asked')).toEqual([])
      expect((await readNotes(stage)) ?? '').not.toContain('accept')
    },
  },
]
