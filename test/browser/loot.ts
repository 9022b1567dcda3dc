import { crc32, deflateSync } from 'node:zlib'

/** What attackers are after: it stands in everything that the server of this name has to give. All servers are attacked at once, and each has its own. */
export const toCanary = (name: string): string => `crown-jewels-${name}`

export interface Treasure {
  readonly type: string
  readonly bytes: Uint8Array
}

export const treasureNames = ['script', 'style', 'page', 'data', 'image'] as const
export type TreasureName = (typeof treasureNames)[number]

/** Files that give themselves away in a page that gets hold of them, each in the way of its kind. */
export function toTreasures(name: string): Readonly<Record<TreasureName, Treasure>> {
  const canary = toCanary(name)
  return {
    script: text('text/javascript', `;(globalThis.leaks ??= new Set()).add(${JSON.stringify(canary)})`),
    style: text('text/css', `:root { --${canary}: ${canary} }`),
    page: text('text/html', `<!doctype html><script>(opener ?? parent).postMessage(${JSON.stringify(canary)}, '*')</script>${canary}`),
    data: text('application/json', JSON.stringify({ leak: canary })),
    image: { type: 'image/png', bytes: toPng(7, 3) },
  }
}

function text(type: string, content: string): Treasure {
  return { type, bytes: Buffer.from(content) }
}

/** A red picture. Its size tells a page that it has got it. */
function toPng(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // Eight bits for each of red, green and blue.
  header.set([8, 2], 8)
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(width * 3, Buffer.of(255, 0, 0))])
  const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))
  const signature = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))])
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), data])
  const edges = Buffer.alloc(8)
  edges.writeUInt32BE(data.length, 0)
  edges.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([edges.subarray(0, 4), body, edges.subarray(4)])
}
