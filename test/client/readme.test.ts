import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createBench } from '../harness/daemon.ts'
import { run } from '../lifecycle/testing/host.ts'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'packages/client/README.md'), 'utf8')
const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block = '']) => block)

/** What each block shows, in the order of the page. */
const shown: readonly (string | RegExp)[] = [
  '',
  /^connecting\nreplaying\nsession\.created\n(.+\n)*task\.completed\n$/,
  '404 There is no session with this id.\n',
  /^codex-sdk /,
]

const scenarios = [{ name: 'fix', prompt: 'Fix', legs: [{ text: 'It is mended.' }] }]

describe.concurrent('the README of the client', () => {
  test.each(blocks.map((block, index) => [index + 1, block] as const))('runs, block %i', { timeout: 60_000 }, async (number, block) => {
    await using bench = await createBench({ scenarios })
    const { session_id } = await bench.client.createSession(bench.session())
    if (number === 2) await bench.client.startTask(session_id, 'Fix it')
    const entry = (name: string) => pathToFileURL(join(root, 'packages/client/src', name)).href
    const source = block
      .replace("'@codesdkd/client'", `'${entry('index.ts')}'`)
      .replace("'@codesdkd/client/node'", `'${entry('node/index.ts')}'`)
    const given = {
      url: bench.client.url,
      sessionId: session_id,
      folder: bench.folder.workspace,
      dataDir: join(bench.folder.path, 'another'),
    }
    const names = Object.entries(given).map(([name, value]) => `const ${name} = ${JSON.stringify(value)}\n`)
    const file = join(bench.folder.path, 'block.ts')
    // The first session names no model of its own: it is the one of the bench that is asked.
    const lines = number === 1 ? source.replace(/^const \{ session_id \}.*$/m, 'const session_id = sessionId') : source
    await writeFile(file, `${names.join('')}const show = (text: string) => void process.stdout.write(\`\${text}\\n\`)\n${lines}`)
    const ended = await run(process.execPath, [file], { env: { XDG_CONFIG_HOME: '/nonexistent' }, limitMs: 50_000 })
    await rm(file)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const expected = shown[number - 1]
    expect(ended.stdout).toMatch(typeof expected === 'string' ? new RegExp(`^${expected}$`) : (expected ?? /^$/))
  })
})
