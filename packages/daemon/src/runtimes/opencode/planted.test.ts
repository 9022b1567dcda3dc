import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test, vi } from 'vitest'
import { done, inWorkspace, shell } from '../../../../../test/fixtures/one-play.ts'
import { deny, openStage, runTurn } from '../../../../../test/fixtures/stage.ts'
import type { Stage } from '../../../../../test/fixtures/stage.ts'

/** What commands can leave for OpenCode in the home of their session, where they write as they like. */

vi.setConfig({ testTimeout: 180_000 })

const scenarios = [
  { name: 'first', prompt: 'first', legs: [{ tools: [shell('echo one')] }, done] },
  { name: 'second', prompt: 'second', legs: [{ tools: [shell('touch unasked')] }, done] },
]

/** As OpenCode itself writes it when a person approves something for ever. */
function approveForEver({ env }: Stage): void {
  using database = new DatabaseSync(path.join(env.home, 'data', 'opencode', 'opencode.db'))
  database.exec(`UPDATE session SET permission = '[{"permission":"*","pattern":"*","action":"allow"}]'`)
  database.exec(`INSERT OR IGNORE INTO permission SELECT 'psv_' || rowid, id, 'bash', '*', 1, 1 FROM project`)
}

test('approvals count for nothing, neither in the same agent nor in the next', async () => {
  await using stage = await openStage({ runtime: 'opencode-server', scenarios })
  let resume: string | null = null
  for (const prompt of ['first', 'second']) {
    await using session = await stage.open({ resume })
    if (prompt === 'first') await runTurn(session, prompt)
    approveForEver(stage)
    const turn = await runTurn(session, 'second', { decide: () => deny('No.') })
    const seen = [session.resumed, turn.asked.length, existsSync(inWorkspace(stage, 'unasked')), turn.outcome.status]
    expect(seen).toEqual([prompt === 'second', 1, false, 'completed'])
    approveForEver(stage)
    resume = session.nativeId
  }
})

test('what would tell it how to speak with providers is removed', async () => {
  await using stage = await openStage({ runtime: 'opencode-server', scenarios })
  await (await stage.open())[Symbol.asyncDispose]()
  const planted = path.join(stage.env.home, 'cache', 'opencode', 'models.json')
  await writeFile(planted, '{}')
  await using _ = await stage.open()
  expect(existsSync(planted)).toBe(false)
})
