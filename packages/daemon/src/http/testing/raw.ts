import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Opens a connection to `http://host:port`. */
export function openSocket(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  return socket
}

/**
 * Sends bytes as they are and reads until the server closes, or until the first answer with a Content-Length (or to HEAD) is complete.
 * Where the bytes say `{host}`, the server's own Host stands. Resolves to null when the server closes without a word.
 */
export async function sendRaw(url: string, request: string | Uint8Array): Promise<RawAnswer | null> {
  const bodiless = typeof request === 'string' && request.startsWith('HEAD ')
  const socket = openSocket(url).setEncoding('latin1')
  socket.write(typeof request === 'string' ? Buffer.from(request.replaceAll('{host}', new URL(url).host), 'latin1') : request)
  try {
    let received = ''
    for await (const chunk of socket) {
      received += String(chunk)
      if (isComplete(received, bodiless)) break
    }
    return received === '' ? null : parseAnswer(received)
  } catch {
    return null
  } finally {
    socket.destroy()
  }
}

function isComplete(text: string, bodiless: boolean): boolean {
  const length = bodiless ? '0' : /^content-length: (\d+)\r$/im.exec(text)?.[1]
  const end = text.indexOf('\r\n\r\n')
  return end >= 0 && length !== undefined && text.length >= end + 4 + Number(length)
}

function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [status = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const)
  return { status: Number(status.split(' ')[1]), headers: Object.fromEntries(headers), body: rest.join('\r\n\r\n') }
}
