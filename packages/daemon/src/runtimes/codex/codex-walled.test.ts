import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as path from 'node:path'
import { describe, expect, test } from 'vitest'
import { done, play, results, shell } from '../../../../../test/fixtures/one-play.ts'
import { approve, deny, openStage as openAnyStage, runTurn } from '../../../../../test/fixtures/stage.ts'
import type { Scenario, Stage } from '../../../../../test/fixtures/stage.ts'
import type { SessionSpec } from '../../core/ports.ts'

/** The real Codex behind the real wall, against the offline model. */

const openStage = (...legs: Scenario['legs']) => openAnyStage({ runtime: 'codex-sdk', walled: true, ...play(...legs) })

/** A session whose HOME is its own, as the daemon makes it. */
function open(stage: Stage, spec: Partial<SessionSpec> = {}, credentials: Readonly<Record<string, string>> = {}) {
  return stage.open(spec, { variables: { ...stage.env.variables, HOME: path.join(stage.root, 'home') }, credentials })
}

const add = (file: string) => ({ tool: 'patch' as const, patch: `*** Begin Patch\n*** Add File: ${file}\n+one\n*** End Patch\n` })

const files = ({ workspace }: Stage) => readdirSync(workspace).toSorted()

/** Command lines of all processes of the machine. */
function commandLines(): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : []
    } catch {
      return []
    }
  })
}

describe.skipIf(process.platform !== 'linux')('Codex behind the wall', () => {
  test('works in the workspace and nowhere else, and holds no key', async () => {
    const look = shell('cat /proc/[0-9]*/environ | tr "\\0" "\\n" | grep KEY; env | grep -c KEY')
    await using stage = await openStage(
      { tools: [shell('echo one > one.txt; touch ../two.txt; touch /usr/three.txt')] },
      { tools: [look] },
      done,
    )
    const runtimeConfig = { base_url: `${stage.model.url}/v1`, env_key: 'MY_KEY' }
    await using session = await open(stage, { runtimeConfig }, { MY_KEY: 'key-of-the-model', OPENAI_API_KEY: 'key-of-openai' })
    const turn = await runTurn(session, 'Please')
    expect(turn.outcome.status).toBe('completed')
    expect(await readFile(path.join(stage.workspace, 'one.txt'), 'utf8')).toBe('one\n')
    expect([existsSync(path.join(stage.root, 'two.txt')), existsSync('/usr/three.txt')]).toEqual([false, false])
    const [wrote, looked] = results(turn)
    expect(wrote).toMatchObject({
      isError: true,
      executionEnv: 'sandbox',
      output: expect.stringContaining("'/usr/three.txt': Read-only file system"),
    })
    expect(looked?.output).toMatch(/^(CODEX_GATEWAY_KEY=codesdkd-placeholder-\w+\n)+0\n$/)
    const { journal } = stage.model
    expect(journal.entries.map((entry) => journal.carries(entry, 'key-of-the-model'))).toEqual([true, true, true])
    expect(journal.entries.some((entry) => journal.carries(entry, 'key-of-openai'))).toBe(false)
  })

  test.each(['a new', 'a resumed'])(
    'in auto, %s conversation asks the policy about everything, and tells a wish to leave',
    async (kind) => {
      const wish = shell('touch ../two', { escalate: true })
      await using stage = await openStage(
        { tools: [shell('touch one')] },
        { tools: [wish] },
        { tools: [add('three'), add('../four')] },
        done,
      )
      let resume: string | null = null
      if (kind === 'a resumed') {
        await using first = await open(stage, { permissionMode: 'auto' })
        resume = first.nativeId
        await runTurn(first, 'Hello', { mode: 'auto' })
      }
      await using session = await open(stage, { permissionMode: 'auto', resume })
      expect(session.resumed).toBe(resume !== null)
      const four = path.join(stage.root, 'four')
      const turn = await runTurn(session, 'Please', {
        mode: 'auto',
        decide: ({ escalated, title }) => (escalated === true || title.includes(four) ? deny('stay inside') : approve),
      })
      expect(new Map(turn.asked.map(({ title, escalated }) => [title, escalated]))).toEqual(
        new Map([
          ['touch one', undefined],
          ['touch ../two', true],
          ['add three', undefined],
          [`add ${four}`, undefined],
        ]),
      )
      expect(files(stage)).toEqual(['one', 'three'])
      expect(JSON.stringify(stage.model.journal.entries.at(-1)?.body)).toContain('stay inside')
    },
  )

  test('in yolo nobody is asked, and the wall stands', async () => {
    await using stage = await openStage({ tools: [shell('touch one ../two'), add('three')] }, done)
    await using session = await open(stage, { permissionMode: 'yolo' })
    const turn = await runTurn(session, 'Please', { mode: 'yolo' })
    expect(turn.asked).toEqual([])
    expect(results(turn).map(({ executionEnv }) => executionEnv)).toEqual(['sandbox', 'sandbox'])
    expect(files(stage)).toEqual(['one', 'three'])
    expect(existsSync(path.join(stage.root, 'two'))).toBe(false)
  })

  test('nothing outlives its task, and the agent lives on; then nothing outlives the session', async () => {
    const naps = [`${8000 + process.pid}.1`, `${8000 + process.pid}.2`]
    const runs = () => naps.map((nap) => commandLines().some((line) => line.includes(`sleep ${nap}`)))
    const hide = `setsid nohup sh -c 'touch hidden; exec sleep ${naps[1]}' > /dev/null 2>&1 & until [ -e left ] && [ -e hidden ]; do sleep 0.05; done; sleep 0.2`
    await using stage = await openStage(
      { tools: [shell(`touch left; exec sleep ${naps[0]}`, { yield_time_ms: 300 })] },
      { tools: [shell(hide)] },
      done,
    )
    let ran: readonly boolean[] = []
    {
      await using session = await open(stage, { permissionMode: 'yolo' })
      await runTurn(session, 'Please', {
        mode: 'yolo',
        onObservation: (seen) => {
          if (seen.kind === 'event' && seen.event.type === 'model.output.completed') ran = runs()
        },
      })
      expect([ran, runs(), session.alive]).toEqual([[true, true], [false, false], true])
    }
    expect(commandLines().filter((line) => line.includes(stage.root))).toEqual([])
  })

  test('a server of its own is told how to reach the allowed hosts', async () => {
    await using stage = await openStage(done)
    const args = ['-c', `env > '${path.join(stage.workspace, 'env')}'`]
    await using session = await open(stage, { runtimeConfig: { mcp_servers: { short: { command: '/bin/sh', args } } } })
    expect((await runTurn(session, 'Please')).outcome.status).toBe('completed')
    const variables = await readFile(path.join(stage.workspace, 'env'), 'utf8')
    expect(variables).toMatch(/^HTTPS_PROXY=http:\/\/127\.0\.0\.1:\d+$/m)
    expect(variables).toMatch(/^NO_PROXY=.*127\.0\.0\.1/m)
    expect(variables).not.toContain('KEY')
  })
})
