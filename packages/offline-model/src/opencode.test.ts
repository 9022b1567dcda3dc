import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { packageRoot, startAcpAgent } from './testing/acp-agent.ts'
import type { AcpAgent } from './testing/acp-agent.ts'
import { COMMAND, makeAndTell } from './testing/make-and-tell.ts'

const KEY = 'offline-test-key'

const startOpenCode = (model: OfflineModel): Promise<AcpAgent> =>
  startAcpAgent((home) => ({
    command: join(packageRoot(`opencode-${process.platform}-${process.arch}`), 'bin/opencode'),
    args: ['acp'],
    env: {
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_DATA_HOME: join(home, 'data'),
      XDG_CACHE_HOME: join(home, 'cache'),
      XDG_STATE_HOME: join(home, 'state'),
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      OPENCODE_PURE: '1',
      OPENCODE_CONFIG_CONTENT: JSON.stringify(toConfig(model.url)),
    },
  }))

const toConfig = (url: string): object => ({
  autoupdate: false,
  share: 'disabled',
  enabled_providers: ['offline'],
  model: 'offline/offline-1',
  small_model: 'offline/offline-1',
  permission: { bash: 'ask' },
  provider: {
    offline: {
      npm: '@ai-sdk/openai-compatible',
      options: { baseURL: `${url}/v1`, apiKey: KEY },
      models: { 'offline-1': { tool_call: true, reasoning: true, limit: { context: 100_000, output: 8_000 } } },
    },
  },
})

test('the real OpenCode streams an answer and runs a command', { timeout: 60_000 }, async () => {
  await using model = await startOfflineModel(makeAndTell)
  await using opencode = await startOpenCode(model)
  const turn = await opencode.prompt('Make it and tell')
  expect(turn).toEqual({
    stopReason: 'end_turn',
    thoughts: ['A command will do.'],
    messages: ['I will make it.', 'The comm', 'and said', ' this:\ni', 't is mad', 'e\n'],
    asked: [COMMAND],
  })
  expect(await readFile(join(opencode.workspace, 'made'), 'utf8')).toBe('it is made\n')
  await model.journal.waitFor(({ side, outcome }) => side && outcome === 'completed', AbortSignal.timeout(10_000))
  const { entries } = model.journal
  expect(entries.filter(({ side }) => !side)).toMatchObject([
    { scenario: 'make-and-tell', leg: 0, attempt: 1, outcome: 'completed', conversation: { cwd: opencode.workspace } },
    { scenario: 'make-and-tell', leg: 1, attempt: 1, outcome: 'completed' },
  ])
  // It asks for a title as well, in the name of the same session.
  expect(entries.filter(({ side }) => side)).toMatchObject([{ scenario: null, outcome: 'completed' }])
  expect(new Set(entries.map(({ conversation }) => conversation.id))).toEqual(new Set([expect.stringMatching(/^ses_/)]))
  expect(entries.every((entry) => model.journal.carries(entry, KEY))).toBe(true)
})
