import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import type { KnownSecrets } from '../core/redaction/known-secrets.ts'

export interface ArchiveEntry {
  /** Name in the archive; made by the daemon alone. */
  readonly name: string
  readonly path: string
}

/** Packs files into a new tar.gz (0600) whose bytes depend on names and contents only. Resolves to its size; rejects when aborted. */
export async function writeArchive(path: string, entries: readonly ArchiveEntry[], signal: AbortSignal): Promise<number> {
  const { packTar } = await import('modern-tar/fs')
  const sources = entries.map(({ name, path: source }) => ({
    type: 'file' as const,
    source,
    target: name,
    mtime: new Date(0),
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    mode: 0o600,
  }))
  await pipeline(packTar(sources), createGzip(), createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal })
  return (await stat(path)).size
}

/** Reads a finished archive again and tells whether any of the secrets is in it, in any of its forms. */
export async function archiveHolds(path: string, secrets: KnownSecrets, signal: AbortSignal): Promise<boolean> {
  const { longest } = secrets
  let found = false
  await pipeline(
    createReadStream(path),
    createGunzip(),
    async (chunks: AsyncIterable<Buffer>) => {
      let tail = ''
      for await (const chunk of chunks) {
        const text = tail + chunk.toString('latin1')
        found ||= secrets.has(text)
        tail = longest > 1 ? text.slice(1 - longest) : ''
      }
    },
    { signal },
  )
  return found
}
