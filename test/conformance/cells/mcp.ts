import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, first, ofType, only } from '../events.ts'
import { play } from '../round.ts'
import type { LegInput } from '../script.ts'
import type { Stage } from '../stage.ts'
import type { McpServer, SessionBody } from '../subjects.ts'

const program = join(import.meta.dirname, '../../fixtures/mcp/notes.ts')

/** The MCP server `notes`, started by the agent, which writes into `notes.txt` beside the workspace. */
const overStdio = (stage: Stage): McpServer => ({ command: process.execPath, args: [program, notesOf(stage)] })

const notesOf = (stage: Stage): string => join(stage.folder.path, 'notes.txt')

const readNotes = (stage: Stage): Promise<string | null> => stage.folder.read('../notes.txt')

function withNotes(stage: Stage, notes: McpServer, more: SessionBody = {}): SessionBody {
  return stage.session({ ...more, runtimeConfig: stage.subject.mcpServers({ notes }) })
}

const calls = (stage: Stage, tool: string, text: string): LegInput => ({ tools: [stage.subject.mcpTool('notes', tool, { text })] })

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
      stage.script({ note: [calls(stage, 'add', 'first'), calls(stage, 'add', 'second'), { text: 'One of two.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'note', {
        decide({ payload }) {
          expect(payload).toMatchObject({ name: stage.subject.names.mcp('notes', 'add'), kind: 'other' })
          return JSON.stringify(payload.input).includes('first') ? null : 'One note is enough.'
        },
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events).map((one) => one.replace(/.*: /, ''))).toEqual(['approved by user (person)', 'denied by user (person)'])
      expect(only(events, 'tool.call.completed').payload).toMatchObject({
        is_error: false,
        execution_env: 'host',
        result_preview: 'noted: first',
      })
      expect(await readNotes(stage)).toBe('first\n')
    },
  },
  {
    name: 'MCP servers over HTTP and over stdio serve one session',
    needs: { mcp_transports: ['stdio', 'streamable_http'] },
    proves: { mcp_transports: ['stdio', 'streamable_http'] },
    async run(stage) {
      const { mcpServers, mcpTool } = stage.subject
      stage.script({
        note: [
          { tools: [mcpTool('wire', 'add', { text: 'over the wire' })] },
          { tools: [mcpTool('pipe', 'add', { text: 'over a pipe' })] },
          { text: 'Noted.' },
        ],
      })
      await using http = await overHttp(stage)
      await using daemon = await stage.open()
      const session = stage.session({ runtimeConfig: mcpServers({ wire: http.server, pipe: overStdio(stage) }) })
      const { events } = await play(daemon.client, session, 'note', { decide: () => null })
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.result_preview)).toEqual([
        'noted: over the wire',
        'noted: over a pipe',
      ])
      expect(await readNotes(stage)).toBe('over the wire\nover a pipe\n')
    },
  },
  {
    name: 'a tool of an MCP server that calls itself read-only runs unasked, and the capabilities say so',
    needs: { mcp_support: 'native' },
    async run(stage) {
      stage.script({ look: [calls(stage, 'peek', 'nothing'), { text: 'Seen.' }] })
      await using daemon = await stage.open()
      const { events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'look')
      expect(first(ofType(events, 'tool.call.approved')).payload.decided_by).toBe('runtime')
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: false, result_preview: 'peeked at nothing' })
      expect(stage.subject.capabilities.notes).toContainEqual(expect.stringMatching(/MCP servers that call themselves read-only/))
    },
  },
  {
    name: 'auto: a tool of an MCP server runs beside the sandbox, and is denied',
    needs: { mcp_support: 'native', confinement: 'sandbox' },
    async run(stage) {
      stage.script({ note: [calls(stage, 'add', 'first'), { text: 'Not noted.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, withNotes(stage, overStdio(stage), { permissionMode: 'auto' }), 'note')
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.denied').payload).toMatchObject({
        decided_by: 'policy',
        policy_snapshot: { sources: ['outside_confinement'] },
      })
      expect(await readNotes(stage)).toBeNull()
    },
  },
  {
    name: 'a question of an MCP server to the person is declined while nobody can be shown it',
    needs: { mcp_support: 'native', supports_questions: false },
    proves: { supports_questions: false },
    async run(stage) {
      stage.script({ consult: [calls(stage, 'consult', 'Which colour?'), { text: 'Nobody knows.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, withNotes(stage, overStdio(stage)), 'consult')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'question.asked')).toEqual([])
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload)).toContainEqual(
        expect.objectContaining({ kind: 'elicitation_declined', message: expect.stringContaining('Which colour?') }),
      )
      expect(await readNotes(stage)).toContain('decline')
    },
  },
]
