import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'

/** A package as a registry knows it. */
export interface Package {
  readonly name: string
  readonly version: string
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Path in the package -> content; all of them can be executed. */
  readonly files?: Readonly<Record<string, string>>
}

/** A registry on loopback with these packages and nothing else, for the real npm. */
export async function openRegistry(packages: readonly Package[]): Promise<{ readonly url: string } & AsyncDisposable> {
  const tarballs = await Promise.all(packages.map(pack))
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1)
    const tarball = /^tarballs\/(\d+)$/.exec(path)?.[1]
    if (tarball !== undefined) return response.end(tarballs[Number(tarball)])
    const found = packages.flatMap((one, index) => (one.name === path ? [toEntry(one, index)] : []))
    if (found.length === 0) return response.writeHead(404).end('{}')
    return response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ name: path, versions: Object.fromEntries(found) }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`

  function toEntry({ name, version, manifest }: Package, index: number): readonly [version: string, manifest: object] {
    const integrity = `sha512-${createHash('sha512')
      .update(tarballs[index] ?? '')
      .digest('base64')}`
    return [version, { ...manifest, name, version, dist: { tarball: `${url}/tarballs/${index}`, integrity } }]
  }

  return {
    url,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function pack({ name, version, manifest, files = {} }: Package): Promise<Uint8Array> {
  const contents = { 'package.json': JSON.stringify({ ...manifest, name, version }), ...files }
  const entries = Object.entries(contents).map(([path, body]) => ({
    header: { name: `package/${path}`, size: Buffer.byteLength(body), mode: 0o755 },
    body,
  }))
  return gzipSync(await packTar(entries))
}
