import { connect, type Socket } from 'node:net'
import { stampMark } from './flood.ts'

export interface ReaderOptions {
  readonly port: number
  /** What is sent first: a request, or what else the server waits for. */
  readonly request: string
  /** `parse` looks at every frame; `count` counts bytes, and looks for the end alone. */
  readonly mode: 'parse' | 'count'
  /** Where to stop: the end of a task, or of what is stored. */
  readonly until: 'task' | 'caught_up'
}

export interface Reading {
  /** Of the stream itself, without what HTTP puts around it; what came before `caught_up` is not counted where the end is that of a task. */
  readonly bytes: number
  /** Mode `parse` only. */
  readonly events: number
  /** Whether each seq followed on the one before it. Mode `parse` only. */
  readonly complete: boolean
  /** When the first delta was written by the agent, on the machine's monotonic clock; NaN where none was seen. Nanoseconds. */
  readonly firstWritten: number
  /** When the end was read. */
  readonly ended: number
  /** From the agent's write to this process, milliseconds, one for each delta. Mode `parse` only. */
  readonly latencies: readonly number[]
}

const taskEnd = '"type":"task.completed"'
const streamEnd = 'event: caught_up\n'
/** Where the end of a task is looked for: its event is the last, and not longer. */
const tailBytes = 8 * 1024
// What is read is looked at in the same turn, so all readers of a process share one piece of memory.
const shared = Buffer.allocUnsafeSlow(256 * 1024)

const now = () => Number(process.hrtime.bigint())

/** One reader of an event stream, which does as little as it can with what it reads. */
export class StreamReader {
  /** Resolves when the stream has caught up; rejects when it is refused or cut. */
  readonly ready: Promise<void>
  /** Resolves when the end is read; rejects when the stream ends before. */
  readonly ended: Promise<Reading>
  readonly #options: ReaderOptions
  readonly #socket: Socket
  readonly #ready = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<Reading>()
  #head: string | null = ''
  #chunked = false
  /** Of the present chunk; -2 stands for the line end behind it and the size of the next. */
  #left = 0
  #size = ''
  #live = false
  #carry = ''
  #found = false
  #bytes = 0
  #events = 0
  #lastSeq = 0
  #complete = true
  #firstWritten = NaN
  readonly #latencies: number[] = []

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#live = options.until === 'caught_up'
    this.ready = this.#ready.promise
    this.ended = this.#ended.promise
    this.ready.catch(() => {})
    this.ended.catch(() => {})
    const callback = (length: number, buffer: Uint8Array) => {
      this.#read(buffer as Buffer, length)
      return true
    }
    this.#socket = connect({ port: options.port, host: '127.0.0.1', onread: { buffer: shared, callback } }, () =>
      this.#socket.write(options.request),
    )
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the stream was cut')))
  }

  close(): void {
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    this.#ready.reject(error)
    this.#ended.reject(error)
  }

  #read(buffer: Buffer, length: number): void {
    let at = 0
    if (this.#head !== null) {
      this.#head += buffer.toString('latin1', 0, length)
      const end = this.#head.indexOf('\r\n\r\n')
      if (end === -1) return
      if (!this.#head.startsWith('HTTP/1.1 200')) return this.#fail(new Error(this.#head.slice(0, 600)))
      this.#chunked = /^transfer-encoding: chunked/im.test(this.#head)
      at = length - (this.#head.length - end - 4)
      this.#head = null
    }
    if (!this.#chunked) return this.#take(buffer, at, length)
    while (at < length) {
      if (this.#left > 0) {
        const end = Math.min(length, at + this.#left)
        this.#take(buffer, at, end)
        this.#left -= end - at
        at = end
        continue
      }
      const end = buffer.indexOf(0x0a, at)
      this.#size += buffer.toString('latin1', at, end === -1 || end >= length ? length : end)
      if (end === -1 || end >= length) return
      at = end + 1
      const size = this.#size.trim()
      this.#size = ''
      if (size !== '') this.#left = Number.parseInt(size, 16)
    }
  }

  #take(buffer: Buffer, from: number, to: number): void {
    if (!this.#live) {
      this.#carry += buffer.toString('latin1', from, to)
      const at = this.#carry.indexOf(streamEnd)
      if (at === -1 || this.#carry.indexOf('\n\n', at) === -1) return
      this.#live = true
      this.#carry = ''
      return this.#ready.resolve()
    }
    this.#bytes += to - from
    if (this.#options.mode === 'parse') this.#parse(buffer.toString('latin1', from, to))
    else this.#find(buffer.toString('latin1', Math.max(from, to - tailBytes), to))
  }

  #find(tail: string): void {
    const text = this.#carry + tail
    this.#carry = text.slice(-64)
    this.#found ||= text.includes(this.#options.until === 'task' ? taskEnd : streamEnd)
    // The whole of the last frame, so that all readers count the same.
    if (this.#found && text.endsWith('\n\n')) this.#end()
  }

  #parse(chunk: string): void {
    const text = this.#carry + chunk
    const time = now()
    let from = 0
    for (let to = text.indexOf('\n\n'); to !== -1; from = to + 2, to = text.indexOf('\n\n', from)) this.#frame(text, from, to, time)
    this.#carry = text.slice(from)
  }

  #frame(text: string, from: number, to: number, time: number): void {
    if (!text.startsWith('id: ', from)) {
      if (this.#options.until === 'caught_up' && text.startsWith(streamEnd, from)) this.#end()
      return
    }
    const seq = Number(text.slice(from + 4, text.indexOf('\n', from)))
    if (this.#lastSeq !== 0 && seq !== this.#lastSeq + 1) this.#complete = false
    this.#lastSeq = seq
    this.#events += 1
    const frame = text.slice(from, to)
    const stamp = frame.indexOf(`"delta":"${stampMark}`)
    if (stamp !== -1) {
      const digits = stamp + 10
      const written = Number(frame.slice(digits, frame.indexOf(stampMark, digits)))
      if (Number.isNaN(this.#firstWritten)) this.#firstWritten = written
      this.#latencies.push((time - written) / 1e6)
    } else if (this.#options.until === 'task' && frame.includes(taskEnd)) this.#end()
  }

  #end(): void {
    this.#ended.resolve({
      bytes: this.#bytes,
      events: this.#events,
      complete: this.#complete,
      firstWritten: this.#firstWritten,
      ended: now(),
      latencies: this.#latencies,
    })
    this.#socket.destroy()
  }
}
