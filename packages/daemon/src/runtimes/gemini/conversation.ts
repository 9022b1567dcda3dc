import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'

/** A conversation in the agent's folder. */
export interface PreparedConversation {
  readonly id: string
  /** Whether it holds what was said before. */
  readonly resumed: boolean
}

/** The name under which the agent keeps what belongs to the working directory; one folder has only one. */
const project = 'workspace'

/**
 * An old minute, so that a conversation can be loaded at any time: when the agent loads one in the minute of its file's name, it
 * begins that very file anew and finds nothing.
 */
const prefix = 'session-2000-01-01T00-00-'
const began = '2000-01-01T00:00:00.000Z'

/**
 * Lays out conversations for the agent to load: the earlier one, if it is there, and an empty one. Loading is the only way in
 * which the agent takes MCP servers without obeying what the workspace carries: a session that it opens itself reads the
 * workspace's settings as soon as the workspace is trusted, and has no MCP servers when it is not.
 * Whatever else an earlier process has left in `folder` is removed.
 */
export async function prepareConversations(
  folder: string,
  { cwd, resume, newId }: { readonly cwd: string; readonly resume: string | null; readonly newId: () => string },
): Promise<readonly PreparedConversation[]> {
  const chats = path.join(folder, 'tmp', project, 'chats')
  const earlier = resume === null ? null : await findConversation(chats, resume)
  await keepOnly(folder, ['tmp'])
  await keepOnly(path.join(folder, 'tmp'), [project])
  await keepOnly(path.join(folder, 'tmp', project), ['chats'])
  await keepOnly(chats, earlier === null ? [] : [earlier])
  if (earlier !== null) await shorten(path.join(chats, earlier))
  await mkdir(chats, { recursive: true, mode: 0o700 })
  await writeFile(path.join(folder, 'tmp', project, '.project_root'), cwd)
  const id = newId()
  await writeFile(path.join(chats, toFileName(id)), toEmptyConversation(id), { mode: 0o600 })
  return [...(earlier === null || resume === null ? [] : [{ id: resume, resumed: true }]), { id, resumed: false }]
}

/** The file in which the agent keeps a conversation that was laid out for it. */
export const toConversationFile = (folder: string, id: string): string => path.join(folder, 'tmp', project, 'chats', toFileName(id))

const toFileName = (id: string): string => `${prefix}${id.slice(0, 8)}.jsonl`

// The agent loads nothing that is quite empty. A thought without text is something to it, and is not sent to the model.
function toEmptyConversation(sessionId: string): string {
  const head = { sessionId, projectHash: project, startTime: began, lastUpdated: began, kind: 'main' }
  const thought = { id: 'beginning', timestamp: began, type: 'gemini', content: '', thoughts: [{}] }
  return `${JSON.stringify(head)}\n${JSON.stringify(thought)}\n`
}

const head = z.object({ sessionId: z.string() })

/** Name of the file that holds a conversation; null when there is none. */
async function findConversation(chats: string, id: string): Promise<string | null> {
  const name = toFileName(id)
  const content = await readFile(path.join(chats, name), 'utf8').catch(() => '')
  try {
    return head.parse(JSON.parse(content.slice(0, content.indexOf('\n')))).sessionId === id ? name : null
  } catch {
    return null
  }
}

/** More than a file that the agent reads at once; a model that takes a million tokens takes ten such texts. */
const maxTextLength = 300_000

// The agent gives its model the whole output of a command. One that was too long for it must not stay in the way for ever.
async function shorten(file: string): Promise<void> {
  const content = await readFile(file, 'utf8')
  const lines = content.split('\n')
  if (!lines.some((line) => line.length > maxTextLength)) return
  await writeFile(`${file}.new`, lines.map((line) => (line.length > maxTextLength ? shortenLine(line) : line)).join('\n'), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

function shortenLine(line: string): string {
  try {
    return JSON.stringify(JSON.parse(line, (_key, value: unknown) => shortenText(value)))
  } catch {
    // Half a line, from a process that was killed; the agent skips it.
    return ''
  }
}

function shortenText(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= maxTextLength) return value
  return `${value.slice(0, maxTextLength / 2)}\n[… left out: too long …]\n${value.slice(-maxTextLength / 2)}`
}

/** Removes everything else from a directory; no matter if it is not there. */
export async function keepOnly(directory: string, names: readonly string[]): Promise<void> {
  const found = await readdir(directory).catch(() => [])
  await Promise.all(
    found.filter((name) => !names.includes(name)).map((name) => rm(path.join(directory, name), { recursive: true, force: true })),
  )
}
