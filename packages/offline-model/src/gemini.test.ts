import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { packageRoot, startAcpAgent } from './testing/acp-agent.ts'
import type { AcpAgent } from './testing/acp-agent.ts'
import { COMMAND, makeAndTell } from './testing/make-and-tell.ts'

const KEY = 'offline-test-key'

const startGemini = (model: OfflineModel): Promise<AcpAgent> =>
  startAcpAgent(() => ({
    command: process.execPath,
    args: [join(packageRoot('@google/gemini-cli'), 'bundle/gemini.js'), '--acp'],
    env: {
      GEMINI_API_KEY: KEY,
      GOOGLE_GEMINI_BASE_URL: model.url,
      GEMINI_MODEL: 'gemini-2.5-flash',
      GEMINI_CLI_NO_RELAUNCH: 'true',
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
      GEMINI_TELEMETRY_ENABLED: 'false',
      NO_BROWSER: '1',
    },
  }))

test('the real Gemini CLI streams an answer and runs a command', { timeout: 60_000 }, async () => {
  await using model = await startOfflineModel(makeAndTell)
  await using gemini = await startGemini(model)
  const turn = await gemini.prompt('Make it and tell')
  expect(turn).toMatchObject({ stopReason: 'end_turn', asked: [COMMAND] })
  expect(turn.thoughts.join('')).toContain('A command will do.')
  expect(turn.messages.slice(0, 4)).toEqual(['I will make it.', 'The comm', 'and said', ' this:\n<'])
  expect(turn.messages.join('')).toContain('Output: it is made')
  expect(await readFile(join(gemini.workspace, 'made'), 'utf8')).toBe('it is made\n')
  const { entries } = model.journal
  expect(entries).toMatchObject([
    { scenario: 'make-and-tell', side: false, leg: 0, attempt: 1, outcome: 'completed', conversation: { cwd: gemini.workspace } },
    { scenario: 'make-and-tell', side: false, leg: 1, attempt: 1, outcome: 'completed' },
  ])
  expect(entries.every((entry) => model.journal.carries(entry, KEY))).toBe(true)
})
