import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { StartFailure } from '../core/start-failure.ts'
import { bundleLimits } from './contents.ts'

/** Bytes of the file, and of what is in it. The daemon's own are smaller: redaction makes some texts longer, and a tar has headers. */
const MAX_PACKED = bundleLimits.total * 2
const MAX_UNPACKED = bundleLimits.total * 2

/** The files of a bundle; whatever else an archive holds is none. */
const known = new Set([
  'manifest.json',
  'health.json',
  'capabilities.json',
  'versions.json',
  'runtime-env.json',
  'mcp-transports.json',
  'events.jsonl',
  'runtime-config.json',
  'tool-transcripts.json',
])
const artifact = /^artifacts\/[0-9a-f]{32}\.bin$/

/**
 * Unpacks a bundle of anybody's in memory: no name in it ever becomes a path. Rejects with `StartFailure`: invalid_bundle, for what is too
 * large, damaged, or has anything but the files of a bundle in it.
 */
export async function readArchive(path: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const { header, data } of await unpack(await inflate(await readPacked(path)))) {
    const name = JSON.stringify(header.name.slice(0, 100))
    if (!known.has(header.name) && !artifact.test(header.name)) throw invalid(`it holds ${name}, which no bundle has`)
    if (header.type !== 'file') throw invalid(`${name} in it is a ${header.type ?? 'thing'} and no file`)
    if (files.has(header.name)) throw invalid(`it holds ${name} twice`)
    files.set(header.name, data ?? new Uint8Array())
  }
  return files
}

/** What is wrong with the file, as the command line tells it. */
export function invalid(why: string, cause?: unknown): StartFailure {
  return new StartFailure('invalid_bundle', `this is no support bundle that can be replayed: ${why}`, { cause })
}

async function readPacked(path: string): Promise<Uint8Array> {
  try {
    // A pipe would be waited for.
    await using file = await open(path, 'r')
    const stats = await file.stat()
    if (!stats.isFile()) throw invalid('it is no file')
    if (stats.size > MAX_PACKED) throw invalid(`it has ${stats.size} bytes; at most ${MAX_PACKED} are read`)
    return await file.readFile()
  } catch (error) {
    if (error instanceof StartFailure) throw error
    throw invalid(`the file cannot be read (${toCode(error)})`, error)
  }
}

async function inflate(packed: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(packed, { maxOutputLength: MAX_UNPACKED })
  } catch (error) {
    const code = toCode(error)
    if (code === 'ERR_BUFFER_TOO_LARGE') throw invalid(`unpacked it has more than ${MAX_UNPACKED} bytes`, error)
    throw invalid(code === 'Z_BUF_ERROR' ? 'the file is cut short' : 'it is not compressed with gzip, or damaged', error)
  }
}

async function unpack(tar: Uint8Array): ReturnType<typeof unpackTar> {
  try {
    return await unpackTar(tar, { strict: true })
  } catch (error) {
    throw invalid('the tar in it is damaged', error)
  }
}

function toCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
