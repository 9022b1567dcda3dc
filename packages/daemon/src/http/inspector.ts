import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Problem } from '@codesdkd/protocol'
import { rawRoute, type Route } from './route.ts'

/**
 * The page runs its own script, shows pictures that are part of a conversation, and asks its own daemon; nothing else. No text of an agent
 * can become markup in it: browsers that know trusted types are told that there are none.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  md: 'text/markdown; charset=utf-8',
}

const built = dirname(createRequire(import.meta.url).resolve('@codesdkd/inspector/dist/index.html'))

/** The page and its files. They hold nothing of the user's: all that they show they ask of the API, as any client does. */
export const inspectorRoutes: readonly Route[] = [
  rawRoute({
    method: 'GET',
    path: '/inspector',
    operationId: 'getInspector',
    tag: 'daemon',
    summary: 'A page to watch and to run sessions in',
    open: true,
    errors: ['not_found'],
    success: { status: 200, description: 'The page', content: { 'text/html': null } },
    handle: () => ({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy },
      body: readBuilt('index.html'),
    }),
  }),
  rawRoute({
    method: 'GET',
    path: '/inspector/{file}',
    operationId: 'getInspectorFile',
    tag: 'daemon',
    summary: 'A file of the inspector',
    open: true,
    errors: ['not_found'],
    success: { status: 200, description: 'The file', content: { '*/*': null } },
    handle: ({ params: { file } }) => ({
      status: 200,
      // The name changes with the content.
      headers: {
        'content-type': types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
        'cache-control': 'max-age=31536000, immutable',
      },
      body: readBuilt(file),
    }),
  }),
]

/** Only what the folder lists can be named. Throws `not_found`. */
function readBuilt(name: string): Buffer {
  const names = listBuilt()
  if (names.includes(name)) return readFileSync(join(built, name))
  throw new Problem('not_found', names.length === 0 ? 'The inspector was not built: npm run prepare.' : 'The inspector has no such file.')
}

function listBuilt(): readonly string[] {
  try {
    return readdirSync(built)
  } catch {
    return []
  }
}
