import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface PlainAnswer {
  readonly status: number
  readonly body: Buffer
}

/** One kept HTTP connection, one request at a time, and as little work for an answer as can be. */
export class PlainConnection implements Disposable {
  readonly #socket: Socket
  readonly #port: number
  #chunks: Buffer[] = []
  #size = 0
  #expected = Infinity
  #waiting: PromiseWithResolvers<PlainAnswer> | null = null
  #bodyAt = 0
  #status = 0

  private constructor(socket: Socket, port: number) {
    this.#socket = socket
    this.#port = port
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('close', () => this.#waiting?.reject(new Error('the connection was cut')))
  }

  static async open(port: number): Promise<PlainConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new PlainConnection(socket, port)
  }

  /** Rejects when the connection is cut. The server has to tell the length of its answer. */
  request(method: string, path: string, body = ''): Promise<PlainAnswer> {
    this.#waiting = Promise.withResolvers<PlainAnswer>()
    const about = body === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\n${about}\r\n${body}`)
    return this.#waiting.promise
  }

  #read(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#expected === Infinity) this.#readHead()
    if (this.#size < this.#expected) return
    const body = Buffer.concat(this.#chunks).subarray(this.#bodyAt, this.#expected)
    const { promise: _, resolve } = this.#waiting ?? Promise.withResolvers<PlainAnswer>()
    this.#chunks = []
    this.#size = 0
    this.#expected = Infinity
    this.#waiting = null
    resolve({ status: this.#status, body })
  }

  #readHead(): void {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks)
    const end = all.indexOf('\r\n\r\n')
    if (end === -1) return
    const head = all.toString('latin1', 0, end)
    this.#status = Number(head.slice(9, 12))
    this.#bodyAt = end + 4
    this.#expected = this.#bodyAt + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
