import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

/** A program that notes down what it is told. */
export const notes = join(import.meta.dirname, '../../fixtures/mcp/notes.ts')

/** An MCP server over HTTP that lets in whoever shows a token, and tells everybody which token it was shown. */
export interface Wire extends AsyncDisposable {
  readonly url: string
  /** What came in `Authorization`, request by request. */
  readonly shown: readonly string[]
}

export async function openWire(file: string): Promise<Wire> {
  const child = spawn(process.execPath, [notes, file, '--http'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [target] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const shown: string[] = []
  const server = createServer((request, response) => {
    const { method = 'GET', headers } = request
    const token = headers.authorization ?? ''
    shown.push(token)
    const pass = async () => {
      const body = method === 'POST' ? Buffer.concat(await Array.fromAsync(request)) : null
      const answer = await fetch(target, { method, body, headers: { 'content-type': 'application/json' } })
      const text = await answer.text()
      const type = answer.headers.get('content-type') ?? 'text/plain'
      // Servers that show what they got in an error or in a header are not rare.
      response.writeHead(answer.status, { 'content-type': type, 'x-shown': token }).end(text === '' ? token : text)
    }
    void pass()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    shown,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      child.kill()
      await once(child, 'exit')
    },
  }
}
