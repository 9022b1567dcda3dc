import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEdge, type TestEdge } from './testing/edge.ts'

let edge: TestEdge
beforeAll(async () => {
  edge = await openEdge()
})
afterAll(() => edge[Symbol.asyncDispose]())

test('the page lets nothing in but its own files, and names them so that any prefix will do', async () => {
  const answer = await fetch(`${edge.server.url}/inspector`)
  expect(answer.status).toBe(200)
  const policy = answer.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  const page = await answer.text()
  const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file)
  expect(files.length).toBeGreaterThan(2)
  for (const file of files) {
    expect(file).toMatch(/^inspector\/[\w.-]+$/)
    const found = await fetch(`${edge.server.url}/${file}`)
    expect(found.status, file).toBe(200)
    expect(found.headers.get('cache-control')).toContain('immutable')
  }
})

test.each(['..%2Fpackage.json', 'index.html%00', 'nothing.js', '..%5cx'])('no other file can be named: %s', async (name) => {
  expect((await fetch(`${edge.server.url}/inspector/${name}`)).status).toBe(404)
})
