import { appendFile, mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { CodexRollout } from './rollout.ts'

const item = (id: string) => `${JSON.stringify({ type: 'response_item', payload: { type: 'function_call', call_id: id } })}\n`

async function openHome() {
  const directory = await mkdtempDisposable(path.join(tmpdir(), 'rollout-'))
  const home = path.join(directory.path, 'home')
  await mkdir(home)
  return { home, outside: path.join(directory.path, 'outside.jsonl'), [Symbol.asyncDispose]: () => directory.remove() }
}

test('raw items are those since the last look, whole lines only', async () => {
  await using place = await openHome()
  const file = path.join(place.home, 'rollout.jsonl')
  await writeFile(file, item('earlier'))
  const rollout = new CodexRollout(place.home, file)
  expect(await rollout.read('t')).toEqual([])
  await appendFile(file, item('one') + item('two').slice(0, 10))
  expect(await rollout.read('t')).toMatchObject([
    { method: 'rawResponseItem/completed', params: { turnId: 't', item: { call_id: 'one' } } },
  ])
  await appendFile(file, item('two').slice(10))
  expect(await rollout.read('t')).toMatchObject([{ params: { item: { call_id: 'two' } } }])
})

test('nothing outside the home is read, whatever path the agent tells', async () => {
  await using place = await openHome()
  await writeFile(place.outside, item('earlier'))
  const link = path.join(place.home, 'link.jsonl')
  await symlink(place.outside, link)
  const rollouts = [link, place.outside, path.join(place.home, '..', 'outside.jsonl')].map((file) => new CodexRollout(place.home, file))
  for (const rollout of rollouts) await rollout.read('t')
  await appendFile(place.outside, item('secret'))
  for (const rollout of rollouts) expect(await rollout.read('t')).toEqual([])
})
