import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { packTar, unpackTar, type TarHeader } from 'modern-tar'

/** Files of a bundle by name. */
export type Files = ReadonlyMap<string, Buffer>

export async function unpackBundle(bytes: Uint8Array): Promise<Files> {
  const entries = await unpackTar(gunzipSync(bytes), { strict: true })
  return new Map(entries.map(({ header, data }) => [header.name, Buffer.from(data ?? [])]))
}

/** Entries as they are given, whatever they are. */
export async function packEntries(entries: readonly { readonly header: TarHeader; readonly body?: Uint8Array }[]): Promise<Buffer> {
  return gzipSync(await packTar(entries.map(({ header, body }) => ({ header, ...(body === undefined ? {} : { body }) }))))
}

/** The files as a bundle. */
export function packBundle(files: Files): Promise<Buffer> {
  return packEntries([...files].map(([name, body]) => ({ header: { name, size: body.length, type: 'file' }, body })))
}

/** The same files with other texts, of which the manifest tells size and hash as it should; null leaves a file out, untold. */
export function withFiles(files: Files, changes: Readonly<Record<string, string | Buffer | null>>): Files {
  const changed = new Map(files)
  const manifest = JSON.parse(String(files.get('manifest.json'))) as { files: { name: string }[] }
  for (const [name, text] of Object.entries(changes)) {
    if (text === null) changed.delete(name)
    else changed.set(name, typeof text === 'string' ? Buffer.from(text) : text)
  }
  const listed = [...changed].filter(([name]) => name !== 'manifest.json')
  const told = listed.map(([name, body]) => ({ name, size: body.length, sha256: createHash('sha256').update(body).digest('hex') }))
  if (!('manifest.json' in changes)) changed.set('manifest.json', Buffer.from(JSON.stringify({ ...manifest, files: told })))
  return changed
}
