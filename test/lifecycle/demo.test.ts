import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root, run } from './testing/host.ts'
import { lives, processesWith, until } from './testing/processes.ts'

const demo = join(root, 'scripts/demo.ts')

/** A variable of the locale goes through to the agents too, where other variables of ours do not. */
function mark() {
  const marker = `demo-${crypto.randomUUID()}`
  return {
    env: { LC_MARKER: marker },
    nothingIsLeft: () => until('every process of the demo is gone', () => processesWith(marker).filter(lives).length === 0),
  }
}

describe.concurrent('npm run demo', () => {
  test('without a terminal it approves by itself, mends the program and leaves nothing', { timeout: 60_000 }, async () => {
    const { env, nothingIsLeft } = mark()
    const ended = await run(process.execPath, [demo], { env })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const inOrder = [
      '1. A git workspace',
      'wrong greeting: Helo, Ada! (exit 1)',
      'ready at http://127.0.0.1:',
      'in permission mode "ask"',
      'on codex-sdk',
      'task.started',
      'plan.updated',
      'tool.call.requested',
      'execute: cat greet.js',
      'codesdk says allow (read_only)',
      'edit: edit greet.js',
      'codesdk says ask',
      '-> approved by the demo itself',
      'user says allow',
      'file.changed',
      'edit greet.js',
      'execute: node check.js',
      'tool.call.completed',
      'task.completed',
      '+export const greet = (name) => `Hello, ${name}!`;',
      'Hello, Ada! (exit 0)',
      'approved 3 (2 by a person), denied 0',
      'the daemon ended with exit code 0',
    ]
    let rest = ended.stdout
    for (const text of inOrder) {
      expect(rest).toContain(text)
      rest = rest.slice(rest.indexOf(text) + text.length)
    }
    expect(ended.stdout).not.toContain('\u001b')
    await nothingIsLeft()
  })

  test.runIf(spawnSync('script', ['--version']).status === 0)(
    'at a terminal it asks, and takes y for a yes',
    { timeout: 60_000 },
    async () => {
      const { env, nothingIsLeft } = mark()
      const question = /run it\? \[Y\/n or a reason against it\]/g
      let answered = 0
      const type = (stdout: string) => {
        if ((stdout.match(question)?.length ?? 0) <= answered) return null
        answered += 1
        return 'y\n'
      }
      const ended = await run('script', ['--quiet', '--return', '--command', `'${process.execPath}' '${demo}'`, '/dev/null'], {
        env: { ...env, TERM: 'dumb' },
        type,
      })
      expect(ended.code).toBe(0)
      expect(answered).toBe(2)
      expect(ended.stdout).toContain('approved 3 (2 by a person), denied 0')
      expect(ended.stdout).not.toContain('approved by the demo itself')
      await nothingIsLeft()
    },
  )
})
