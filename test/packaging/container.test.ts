import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validate } from 'dockerfile-utils'
import { expect, test } from 'vitest'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createFolder } from '../harness/workspace.ts'
import { executable, host, root, run } from '../lifecycle/testing/host.ts'

const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
const token = 'a-token-of-thirty-two-characters'

/** The last of these instructions that is written as JSON. */
function readWords(instruction: string): string[] {
  const found = [...dockerfile.matchAll(new RegExp(String.raw`^${instruction}\b.*?(\[.*\])$`, 'gm'))].at(-1)
  return JSON.parse(found?.[1] ?? 'null') as string[]
}

test('the linters find nothing in Dockerfile and compose file', async () => {
  expect(validate(dockerfile)).toEqual([])
  const linter = join(root, 'node_modules/.bin/dclint')
  expect(await run(linter, [join(root, 'compose.yaml'), '--max-warnings', '0'])).toMatchObject({ code: 0 })
})

test('the daemon takes the command of the image, and wants a token with it', () => {
  expect(readWords('ENTRYPOINT')).toEqual(['tini', '--', 'codesdkd'])
  const read = (given: string | null) => readInvocation(readWords('CMD'), { HOME: '/home/node' }, given)
  expect(read(token)).toMatchObject({
    command: 'serve',
    config: { auth: 'token', dataDir: '/data', listen: { host: '0.0.0.0', port: 8787 } },
  })
  expect(() => read(null)).toThrow('without a token')
  expect(dockerfile).toContain('EXPOSE 8787')
  expect(readFileSync(join(root, 'compose.yaml'), 'utf8')).toContain('127.0.0.1:8787:8787')
})

test('its health check is right about a daemon that answers, and one that does not', { timeout: 60_000 }, async () => {
  await using folder = await createFolder()
  const [program, ...words] = readWords('HEALTHCHECK')
  expect(program).toBe('codesdkd')
  const env = { CODESDKD_TOKEN: token }
  await using daemon = host(['serve', '--data-dir', folder.dataDir, '--auth', 'token'], { env })
  const { url } = JSON.parse(await daemon.ready) as { url: string }
  const check = () => run(process.execPath, [executable, ...words.map((word) => word.replace('http://127.0.0.1:8787', url))], { env })
  expect(await check()).toMatchObject({ code: 0 })
  daemon.child.kill('SIGTERM')
  await daemon.ended
  expect((await check()).code).not.toBe(0)
})

test('what the image is made of is what `npm run pack` makes', () => {
  expect(dockerfile).toContain('COPY dist/*.tgz /packages/')
  expect(readFileSync(join(root, '.dockerignore'), 'utf8')).toBe('*\n!dist/*.tgz\n')
  expect(existsSync(join(root, 'scripts/pack.ts'))).toBe(true)
})
