import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { createFetch } from './fetch-through.ts'
import { runEndpoint } from './run-endpoint.ts'
import { createCall, createToolWorld } from './testing/world.ts'

async function serve(listener: RequestListener) {
  const server = createServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${port}/tool`, [Symbol.asyncDispose]: close }
}

const fetch = createFetch(createToolWorld().world.agent)
const run = (url: string, structured = false, signal?: AbortSignal) =>
  runEndpoint({ url, headers: { 'x-key': 'k' }, output_limit: 1024 }, createCall({ n: 1 }, signal).call, { fetch, structured })

test('the input is posted with the headers; the answer is the result', async () => {
  await using server = await serve((request, response) => {
    const { method, headers } = request
    void Array.fromAsync(request).then((chunks) =>
      response.end(JSON.stringify([method, headers['x-key'], headers['content-type'], Buffer.concat(chunks as Buffer[]).toString()])),
    )
  })
  const expected = ['POST', 'k', 'application/json', '{"n":1}']
  expect(await run(server.url, true)).toEqual({ result: expected, isError: false })
  expect(await run(server.url)).toEqual({ result: JSON.stringify(expected), isError: false })
})

test('a refusal and a redirect are failures; nobody follows', async () => {
  const asked: (string | undefined)[] = []
  await using server = await serve((request, response) => {
    asked.push(request.url)
    response.writeHead(307, { location: '/elsewhere' }).end('not here')
  })
  expect(await run(server.url)).toEqual({ result: 'The endpoint answered 307.\nnot here', isError: true })
  expect(asked).toEqual(['/tool'])
})

test('too much, and what is no JSON, are failures', async () => {
  await using flood = await serve((_, response) => void response.end('x'.repeat(100_000)))
  expect(await run(flood.url)).toEqual({ result: 'The endpoint answered with more than 1024 bytes.', isError: true })
  await using plain = await serve((_, response) => void response.end('plain'))
  expect(await run(plain.url, true)).toMatchObject({ isError: true })
})

test('an abort ends the request before and during the answer', async () => {
  for (const begin of [false, true]) {
    const end = new AbortController()
    await using server = await serve((_, response) => {
      if (begin) response.write('some')
      setImmediate(() => end.abort(new Error('enough')))
    })
    await expect(run(server.url, false, end.signal)).rejects.toThrow()
  }
})
