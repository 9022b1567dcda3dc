import { afterAll, beforeAll, expect } from 'vitest'
import { sendRaw, type RawAnswer } from '../../packages/daemon/src/http/testing/raw.ts'
import { createStage, type DaemonProcess } from '../harness/daemon.ts'

/** A daemon as it is started by default, and what an attack may not have changed in it. */
export interface Stand {
  readonly port: () => string
  /** Sends a request as bytes; `{port}` in it is that of the daemon. Null: closed without a word. */
  send(head: readonly string[], body?: string): Promise<RawAnswer | null>
  /** What the attack was after: there is no session but the one from before, and no task. */
  expectNothingDone(): Promise<void>
}

/** Registers a daemon for the tests of one advisory. */
export function useStand(): Stand {
  let daemon: DaemonProcess
  let before: string
  const parts = new AsyncDisposableStack()
  const state = async () =>
    JSON.stringify([(await daemon.client.get('/sessions')).body, (await daemon.client.get('/readyz')).status, daemon.child.exitCode])
  beforeAll(async () => {
    const stage = parts.use(await createStage([]))
    daemon = parts.use(await stage.start())
    await daemon.client.createSession(stage.session({ title: 'the only one' }))
    before = await state()
  })
  afterAll(() => parts.disposeAsync())
  const port = () => new URL(daemon.client.url).port
  return {
    port,
    send(head, body = '') {
      const lines = [...head, ...(body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`])]
      return sendRaw(daemon.client.url, `${lines.join('\r\n').replaceAll('{port}', port())}\r\n\r\n${body}`)
    },
    async expectNothingDone() {
      expect(await state()).toBe(before)
    },
  }
}

/** Refused, with nothing of the daemon in it and no word that would let a page of another origin read it. */
export function expectRefused(answer: RawAnswer | null, error: string): void {
  expect(JSON.parse(answer?.body ?? '{}')).toMatchObject({ error })
  expect(answer?.body).not.toContain('the only one')
  expect(Object.keys(answer?.headers ?? {}).filter((name) => name.startsWith('access-control-'))).toEqual([])
}
