import { TestClient, type Answer, type Frame } from '../../harness/client.ts'

/** A client with a token, which keeps everything that it is told. */
export class HeardClient extends TestClient {
  readonly heard: string[] = []
  readonly #authorization: string

  constructor(url: string, token: string) {
    super(url)
    this.#authorization = `Bearer ${token}`
  }

  /** An answer that is no text. */
  async download(path: string): Promise<Buffer> {
    const answer = await fetch(this.url + path, { headers: { authorization: this.#authorization } })
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status}`)
    return Buffer.from(await answer.arrayBuffer())
  }

  override async request(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const answer = await super.request(method, path, body, { ...headers, authorization: this.#authorization })
    this.heard.push(JSON.stringify([...answer.headers]), answer.text)
    return answer
  }

  override async *frames(path: string, { headers = {}, ...more }: Parameters<TestClient['frames']>[1] = {}): AsyncGenerator<Frame> {
    for await (const frame of super.frames(path, { ...more, headers: { ...headers, authorization: this.#authorization } })) {
      this.heard.push(frame.data)
      yield frame
    }
  }
}
