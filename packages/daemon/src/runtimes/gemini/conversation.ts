import { readdir, rm } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'
import { makeDirectory, openInside, writeOwnFile } from '../own-files.ts'

/** A conversation in the agent's folder. */
export interface PreparedConversation {
  readonly id: string
  /** Whether it holds what was said before. */
  readonly resumed: boolean
}

/** Where the agent keeps what belongs to the working directory, of which a home has only one. */
const projectName = 'workspace'
const chatsPath = ['.gemini', 'tmp', projectName, 'chats'] as const

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
 * Whatever else an earlier process has left in the agent's folder is removed.
 */
export async function prepareConversations(
  home: string,
  { cwd, resume, newId }: { readonly cwd: string; readonly resume: string | null; readonly newId: () => string },
): Promise<readonly PreparedConversation[]> {
  const chats = await makeDirectory(home, ...chatsPath)
  const [folder, temporary, project, last] = chatsPath
  await keepOnly(path.join(home, folder), [temporary])
  await keepOnly(path.join(home, folder, temporary), [project])
  await keepOnly(path.join(home, folder, temporary, project), [last])
  const earlier = resume === null ? null : await findConversation(home, resume)
  await keepOnly(chats, earlier === null ? [] : [earlier.name])
  if (earlier !== null && isTooLong(earlier.content)) await writeOwnFile(home, [...chatsPath, earlier.name], shorten(earlier.content))
  await writeOwnFile(home, [folder, temporary, project, '.project_root'], cwd)
  const id = newId()
  await writeOwnFile(home, [...chatsPath, toFileName(id)], toEmptyConversation(id))
  return [...(earlier === null ? [] : [{ id: earlier.id, resumed: true }]), { id, resumed: false }]
}

/** The file in which the agent keeps a conversation that was laid out for it. */
export const toConversationFile = (home: string, id: string): string => path.join(home, ...chatsPath, toFileName(id))

const toFileName = (id: string): string => `${prefix}${id.slice(0, 8)}.jsonl`

// The agent loads nothing that is quite empty. A thought without text is something to it, and is not sent to the model.
function toEmptyConversation(sessionId: string): string {
  const head = { sessionId, projectHash: projectName, startTime: began, lastUpdated: began, kind: 'main' }
  const thought = { id: 'beginning', timestamp: began, type: 'gemini', content: '', thoughts: [{}] }
  return `${JSON.stringify(head)}\n${JSON.stringify(thought)}\n`
}

const head = z.object({ sessionId: z.string() })

/** No conversation that a model still takes comes near it. */
const maxBytes = 256 * 1024 * 1024

/** The file that holds a conversation; null when there is none. */
async function findConversation(
  home: string,
  id: string,
): Promise<{ readonly id: string; readonly name: string; readonly content: string } | null> {
  const name = toFileName(id)
  await using file = await openInside(home, path.join(home, ...chatsPath, name))
  if (file === null || (await file.stat()).size > maxBytes) return null
  const content = await file.readFile('utf8')
  try {
    return head.parse(JSON.parse(content.slice(0, content.indexOf('\n')))).sessionId === id ? { id, name, content } : null
  } catch {
    return null
  }
}

/** More than a file that the agent reads at once; a model that takes a million tokens takes ten such texts. */
const maxTextLength = 300_000

// The agent gives its model the whole output of a command. One that was too long for it must not stay in the way for ever.
function isTooLong(content: string): boolean {
  return content.split('\n').some((line) => line.length > maxTextLength)
}

function shorten(content: string): string {
  return content
    .split('\n')
    .map((line) => (line.length > maxTextLength ? shortenLine(line) : line))
    .join('\n')
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

/** Removes everything else from a directory, which must be a real one; no matter if it is not there. */
export async function keepOnly(directory: string, names: readonly string[]): Promise<void> {
  const found = await readdir(directory).catch(() => [])
  await Promise.all(
    found.filter((name) => !names.includes(name)).map((name) => rm(path.join(directory, name), { recursive: true, force: true })),
  )
}
