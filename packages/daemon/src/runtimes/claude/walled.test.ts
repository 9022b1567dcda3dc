import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { play, results, shell } from '../../../../../test/fixtures/one-play.ts'
import { runs } from '../../../../../test/fixtures/processes.ts'
import { openStage, runTurn } from '../../../../../test/fixtures/stage.ts'
import type { Scenario, Stage } from '../../../../../test/fixtures/stage.ts'

/** The real Claude Code behind the real wall. */

async function openWalled(...legs: Scenario['legs']) {
  const stage = await openStage({ runtime: 'claude-agent-sdk', walled: true, ...play(...legs) })
  const own = path.join(stage.root, 'own')
  await mkdir(own)
  return { stage, variables: { ...stage.env.variables, HOME: own } }
}

/** The environments of all that runs for this stage, as the host sees them. */
function toEnvironments(stage: Stage): readonly string[] {
  const mark = `CODESDKD_PROCESS=${path.basename(stage.root)}`
  const environments = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/environ`, 'latin1')] : []
    } catch {
      return []
    }
  })
  return environments.filter((environment) => environment.includes(mark))
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 2000 && !holds(); round += 1) await delay(5)
}

test.skipIf(process.platform !== 'linux')('works in its workspace and nowhere else, and the real key is with the model alone', async () => {
  const { stage, variables } = await openWalled(
    { tools: [shell('echo one > one.txt; touch ../outside.txt; ls ..; touch /usr/outside.txt')] },
    { tools: [{ tool: 'write', path: 'two.txt', text: 'two\n' }] },
    { text: 'Done.' },
  )
  await using _ = stage
  const environments: string[] = []
  await writeFile(path.join(stage.root, 'private.txt'), 'private')
  const runtimeConfig = { base_url: stage.model.url, env_key: 'MY_KEY' }
  await using session = await stage.open({ runtimeConfig }, { variables, credentials: { MY_KEY: 'key-of-the-model' } })
  const turn = await runTurn(session, 'Please', {
    onObservation: ({ kind }) => void (kind === 'call.started' && environments.push(...toEnvironments(stage))),
  })
  expect(turn.outcome).toEqual({ status: 'completed', reason: 'completed' })
  const [ran] = results(turn)
  expect(ran).toMatchObject({ executionEnv: 'sandbox', exitCode: 1, output: expect.stringContaining('Read-only file system') })
  expect(ran?.output).not.toContain('private.txt')
  expect(readdirSync(stage.workspace).toSorted()).toEqual(['one.txt', 'two.txt'])
  expect(existsSync(path.join(stage.root, 'outside.txt'))).toBe(false)
  expect(environments.join('\n')).toMatch(/ANTHROPIC_API_KEY=.*placeholder/)
  expect(environments.join('\n')).not.toContain('key-of-the-model')
  expect(stage.model.journal.entries.map((entry) => stage.model.journal.carries(entry, 'key-of-the-model'))).toEqual([true, true, true])
})

test.skipIf(process.platform !== 'linux')('nothing outlives its task, not even a command that hides', async () => {
  const hidden = `8001.${process.pid}`
  const hide = `setsid nohup sh -c 'touch hidden; exec sleep ${hidden}' > /dev/null 2>&1 & until [ -e hidden ]; do sleep 0.05; done`
  const { stage, variables } = await openWalled({ tools: [shell(hide)] }, { text: 'Done.' })
  await using _ = stage
  await using session = await stage.open({}, { variables })
  let ran = false
  await runTurn(session, 'Please', { onObservation: ({ kind }) => void (kind === 'call.completed' && (ran = runs(hidden))) })
  expect([ran, runs(hidden), session.alive]).toEqual([true, false, true])
})

test.skipIf(process.platform !== 'linux')('an agent that is killed fails the task, and its conversation goes on', async () => {
  const seconds = `8003.${process.pid}`
  const { stage, variables } = await openWalled({ tools: [shell(`touch begun; exec sleep ${seconds}`)] }, { text: 'Done.' })
  await using _ = stage
  await using session = await stage.open({}, { variables })
  const turn = await runTurn(session, 'Please', {
    onObservation: async ({ kind }) => {
      if (kind !== 'call.started') return
      await until(() => runs(seconds))
      process.kill(stage.pids[0] ?? 0, 'SIGKILL')
    },
  })
  expect(turn.outcome).toMatchObject({ status: 'failed', error: { code: 'agent_exited', retryable: true } })
  expect([session.alive, runs(seconds)]).toEqual([false, false])
  await using next = await stage.open({ resume: session.nativeId }, { variables })
  expect([next.resumed, (await runTurn(next, 'Go on')).outcome.status]).toEqual([true, 'completed'])
})

test.skipIf(process.platform !== 'linux')(
  'a login is lent: it can be read, not changed, and the token that gets new ones is not there',
  async () => {
    const { stage, variables } = await openWalled({ text: 'Done.' })
    await using _ = stage
    const { home } = stage.env.login
    await mkdir(home)
    const login = {
      accessToken: 'token-of-the-login',
      refreshToken: 'for-new-ones',
      expiresAt: 4_000_000_000_000,
      scopes: ['user:inference'],
    }
    await writeFile(path.join(home, '.credentials.json'), JSON.stringify({ claudeAiOauth: login }))
    const look = `cd $CLAUDE_SECURESTORAGE_CONFIG_DIR; cat .credentials.json; echo; echo evil > .credentials.json; rm -f .credentials.json; touch x; ls '${home}'`
    const executable = path.join(stage.root, 'agent')
    await writeFile(executable, `#!/bin/sh\n{ ${look}; } > '${stage.workspace}/seen' 2>&1; exit 3\n`)
    await chmod(executable, 0o755)
    const opening = stage.open({}, { variables, executable, offlineUrl: null })
    await expect(opening).rejects.toMatchObject({ failure: { code: 'agent_start_failed', exit_code: 3 } })
    const [copy = '', ...refusals] = (await readFile(path.join(stage.workspace, 'seen'), 'utf8')).trimEnd().split('\n')
    const { refreshToken: __, ...lent } = login
    expect(JSON.parse(copy)).toEqual({ claudeAiOauth: lent })
    const refused = expect.stringContaining('Read-only file system')
    expect(refusals).toEqual([refused, refused, refused, expect.stringContaining('No such file')])
    expect(JSON.parse(await readFile(path.join(home, '.credentials.json'), 'utf8'))).toEqual({ claudeAiOauth: login })
    expect(existsSync(`${stage.env.home}.login`)).toBe(false)
  },
)
