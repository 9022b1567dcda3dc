import { createHash } from 'node:crypto'

const LIMIT = 40

/** The name of a server's tool for agents: letters, digits and `_`, 40 at most. Where that is taken, or cut, a hash of the true one ends it. */
export function toToolName(server: string, tool: string, taken: (name: string) => boolean): string {
  const plain = `${server}_${tool}`.replaceAll(/[^A-Za-z0-9_]/g, '_')
  if (plain.length <= LIMIT && !taken(plain)) return plain
  for (let attempt = 0; ; attempt += 1) {
    const hash = createHash('sha256')
      .update(JSON.stringify([server, tool, attempt]))
      .digest('hex')
      .slice(0, 8)
    const name = `${plain.slice(0, LIMIT - 9)}_${hash}`
    if (!taken(name)) return name
  }
}
