import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { packageRoot, startAcpAgent } from './testing/acp-agent.ts'
import type { AcpAgent } from './testing/acp-agent.ts'
import { makeAndTell } from './testing/make-and-tell.ts'

const KEY = 'offline-test-key'

// Otherwise it asks the model after a turn what it should remember, and what the person might say next.
const settings = {
  memory: { enableManagedAutoMemory: false, enableManagedAutoDream: false },
  ui: { enableFollowupSuggestions: false },
}

const startQwen = (model: OfflineModel): Promise<AcpAgent> =>
  startAcpAgent(async (home) => {
    await mkdir(join(home, '.qwen'))
    await writeFile(join(home, '.qwen/settings.json'), JSON.stringify(settings))
    return {
      command: process.execPath,
      args: [join(packageRoot('@qwen-code/qwen-code'), 'cli-entry.js'), '--acp', '--auth-type', 'openai'],
      env: {
        OPENAI_API_KEY: KEY,
        OPENAI_BASE_URL: `${model.url}/v1`,
        OPENAI_MODEL: 'offline-1',
        QWEN_CODE_NO_RELAUNCH: 'true',
        NO_BROWSER: '1',
      },
    }
  })

test('the real Qwen Code streams an answer and runs a command', { timeout: 60_000 }, async () => {
  await using model = await startOfflineModel(makeAndTell)
  await using qwen = await startQwen(model)
  const turn = await qwen.prompt('Make it and tell')
  expect(turn).toMatchObject({ stopReason: 'end_turn', thoughts: ['A command will do.'], asked: [] })
  // The usage of each call comes with a piece that says nothing.
  expect(turn.messages.filter(Boolean).slice(0, 4)).toEqual(['I will make it.', 'The comm', 'and said', ' this:\nC'])
  expect(turn.messages.join('')).toContain('Output: it is made')
  expect(await readFile(join(qwen.workspace, 'made'), 'utf8')).toBe('it is made\n')
  const { entries } = model.journal
  // Its own mode asks the model whether the command is harmless.
  expect(entries).toMatchObject([
    { scenario: 'make-and-tell', side: false, leg: 0, attempt: 1, outcome: 'completed', conversation: { cwd: qwen.workspace } },
    { scenario: null, side: true, outcome: 'completed', conversation: { wants: 'whole' } },
    { scenario: 'make-and-tell', side: false, leg: 1, attempt: 1, outcome: 'completed' },
  ])
  expect(entries.every((entry) => model.journal.carries(entry, KEY))).toBe(true)
})
