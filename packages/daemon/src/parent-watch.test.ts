import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'

/** Says that it watches, then why it no longer does; `nothing` when two looks at the parent have told it nothing. */
const watcher = (how: string) => `
  const { watchParent } = await import(${JSON.stringify(join(import.meta.dirname, 'parent-watch.ts'))})
  watchParent(${JSON.stringify(how)}, (why) => { console.log(why); process.exit(0) })
  console.log('watching')
  setTimeout(() => { console.log('nothing'); process.exit(0) }, 2_500)
`

/** The second line of a script, after `act` was done on its first. */
async function secondLine(
  script: string,
  stdin: 'pipe' | 'ignore' | number,
  act: (child: ChildProcess) => void = () => undefined,
): Promise<unknown> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: [stdin, 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  if (child.stdout === null) throw new Error('nothing to read from')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect(await lines.next()).toEqual({ done: false, value: 'watching' })
  act(child)
  const { value } = await lines.next()
  await exited
  return value
}

/** What a watcher says when its parent is killed, with a pipe as its stdin; `keep` leaves a third process with the pipe's other end. */
function orphaned(how: string, { keep = false } = {}): Promise<unknown> {
  const parent = `
    import { spawn } from 'node:child_process'
    const child = spawn(process.execPath, ['--input-type=module', '--eval', ${JSON.stringify(watcher(how))}], { stdio: ['pipe', 'inherit', 'inherit'] })
    if (${keep}) spawn('sleep', ['4'], { stdio: ['ignore', 'ignore', 'ignore', child.stdin] })
    setTimeout(() => undefined, 20_000)
  `
  return secondLine(parent, 'ignore', (child) => child.kill('SIGKILL'))
}

const watched = (how: string, stdin: 'pipe' | 'ignore' | number, act?: (child: ChildProcess) => void) =>
  secondLine(watcher(how), stdin, act)

describe.concurrent('when the parent is killed', () => {
  test('auto hears of it', async ({ expect }) => {
    expect(await orphaned('auto')).toBe('the parent process has ended')
  })

  test('auto hears of it although a third process holds the pipe', async ({ expect }) => {
    expect(await orphaned('auto', { keep: true })).toBe('the parent process has ended')
  })

  test('stdin hears of it by the pipe or by the parent, whichever is first', async ({ expect }) => {
    expect(await orphaned('stdin')).toMatch(/^(stdin|the parent process) has ended$/)
  })

  test('off does not care', async ({ expect }) => {
    expect(await orphaned('off')).toBe('nothing')
  })
})

describe.concurrent('while the parent lives', () => {
  test('the end of the pipe is enough for stdin', async ({ expect }) => {
    expect(await watched('stdin', 'pipe', (child) => child.stdin?.end())).toBe('stdin has ended')
  })

  test('text in the pipe is not its end', async ({ expect }) => {
    expect(await watched('stdin', 'pipe', (child) => child.stdin?.write('hello\n'))).toBe('nothing')
  })

  test('the end of the pipe means nothing to auto', async ({ expect }) => {
    expect(await watched('auto', 'pipe', (child) => child.stdin?.end())).toBe('nothing')
  })

  test('a file, or no stdin at all, is nothing to watch', async ({ expect }) => {
    expect(await Promise.all([watched('auto', 'ignore'), watched('auto', openSync(import.meta.filename, 'r'))])).toEqual([
      'nothing',
      'nothing',
    ])
  })
})
