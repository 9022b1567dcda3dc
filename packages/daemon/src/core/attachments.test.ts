import { expect, test } from 'vitest'
import type { Message } from '@codesdkd/protocol'
import { checkAttachments, FILE_LIMIT, withAttachments } from './attachments.ts'
import { openSample, temporaryDirectory } from '../storage/testing/samples.ts'
import { createStage } from './testing/stage.ts'
import { SESSION_LIMIT, upload } from './uploads.ts'
import type { ArtifactStore } from './ports.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const plain = (text: string) => text
const naming = (artifact_id: string): Message => ({ role: 'user', content: [{ type: 'artifact_ref', artifact_id }] })

test('what was uploaded is handed over: images as images, text as text, and of long text the beginning', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const { artifacts } = storage
  const put = (content_type: string, data: string, name?: string) =>
    naming(
      upload(artifacts, 's', { session_id: 's', content_type, data: base64(data), ...(name === undefined ? {} : { name }) }, plain)
        .artifact_id,
    )
  const image = put('image/png', 'PNG')
  const picture = { type: 'image', media_type: 'image/png', data: base64('PNG') }
  expect(await withAttachments([image], artifacts)).toEqual([{ role: 'user', content: [picture] }])
  const text = put('text/plain; charset=utf-8', 'one\0two', 'a.txt')
  expect(await withAttachments([text], artifacts)).toEqual([
    { role: 'user', content: [{ type: 'text', text: '<file name="a.txt">\none\ufffdtwo\n</file>' }] },
  ])
  const [long] = await withAttachments([put('application/json', 'x'.repeat(FILE_LIMIT + 7))], artifacts)
  expect(JSON.stringify(long)).toContain('[7 more characters of the file left out]')
  // Of what was sent earlier only images, and not all of them.
  const earlier = [text, ...Array.from({ length: 9 }, () => structuredClone(image)), { role: 'user' as const, content: 'Look.' }]
  const given = await withAttachments(earlier, artifacts)
  expect(given.slice(0, 2)).toEqual(earlier.slice(0, 2))
  expect(given.slice(2, -1)).toEqual(Array.from({ length: 8 }, () => ({ role: 'user', content: [picture] })))
})

test('what is not there, is not of the session, or cannot be part of a prompt, is refused', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const { artifacts } = storage
  const archive = artifacts.put('s', 'zip', { contentType: 'application/zip' }).artifactId
  const foreign = artifacts.put('other', 'text', { contentType: 'text/plain' }).artifactId
  const check =
    (...messages: readonly Message[]) =>
    () =>
      checkAttachments(messages, 's', artifacts)
  expect(check(naming('nothing'))).toThrow(expect.objectContaining({ code: 'artifact_not_found' }))
  expect(check(naming(foreign))).toThrow(expect.objectContaining({ code: 'artifact_not_found' }))
  expect(check(naming(foreign), naming(archive))).toThrow(expect.objectContaining({ code: 'artifact_not_found' }))
  expect(check(naming(archive))).toThrow(expect.objectContaining({ code: 'attachment_unsupported' }))
  expect(check(naming(archive), { role: 'user', content: 'It stood there earlier.' })).not.toThrow()
})

test('a session has no more artifacts than fit, and no known secret in a text of them', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const { artifacts } = storage
  const request = { session_id: 's', content_type: 'text/plain', data: base64('my secret') }
  const { artifact_id, size } = upload(artifacts, 's', request, (text) => text.replace('secret', 'masked!'))
  expect([Buffer.from(await artifacts.content(artifact_id)).toString(), size]).toEqual(['my masked!', 10])
  const meta = artifacts.meta(artifact_id)
  if (meta === null) throw new Error('it is stored')
  const full: ArtifactStore = {
    put: (...args) => artifacts.put(...args),
    meta: (id) => artifacts.meta(id),
    content: (id) => artifacts.content(id),
    share: (...args) => artifacts.share(...args),
    list: () => [{ ...meta, size: SESSION_LIMIT - 3 }],
  }
  expect(() => upload(full, 's', request, plain)).toThrow(expect.objectContaining({ code: 'payload_too_large' }))
})

test('a task that names what is not there is not accepted, and leaves no trace', async () => {
  await using stage = await createStage({ run: () => Promise.resolve({ status: 'completed', reason: 'completed' }) })
  await stage.create()
  await expect(stage.submit('t', { messages: [naming('nothing')] })).rejects.toMatchObject({ code: 'artifact_not_found' })
  expect(stage.events.map(({ type }) => type)).toEqual(['session.created'])
  const { artifact_id } = stage.session.upload({ session_id: 's', content_type: 'text/plain', data: base64('hello') })
  await stage.submit('t', { messages: [naming(artifact_id)] })
  await stage.until(({ type }) => type === 'task.completed')
})
