import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StartFailure } from '../core/start-failure.ts'
import { makeToken, readToken, takeEnvironmentToken } from './token.ts'

const token = 'a-token-of-sixteen-characters'
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'codesdkd-token-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function file(content: string, mode = 0o600): string {
  const path = join(folder, 'token')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe('a token file', () => {
  test('is read without the white space around its token', () => {
    expect(readToken(file(`${token}\n`), null)).toBe(token)
    expect(readToken(file(token, 0o400), null)).toBe(token)
  })

  test('wins over the environment', () => {
    expect(readToken(file(token), 'another-token-of-the-environment')).toBe(token)
    expect(readToken(undefined, token)).toBe(token)
    expect(readToken(undefined, null)).toBeNull()
  })

  test.each<[string, () => string, RegExp]>([
    ['that others may read', () => file(token, 0o640), /must belong to you with mode 0600/],
    ['that others may write', () => file(token, 0o602), /must belong to you with mode 0600/],
    ['that is not there', () => join(folder, 'nowhere'), /cannot read the token file/],
    [
      'that is a link',
      () => {
        symlinkSync(file(token), join(folder, 'link'))
        return join(folder, 'link')
      },
      /it must be a file, not a link/,
    ],
    [
      'that is a directory',
      () => {
        mkdirSync(join(folder, 'directory'))
        return join(folder, 'directory')
      },
      /is not a file/,
    ],
    [
      'that is a pipe',
      () => {
        execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')])
        return join(folder, 'pipe')
      },
      /is not a file/,
    ],
    ['with nothing in it', () => file(''), /16 to 512 printable characters/],
    ['with too little in it', () => file('fifteen-letters'), /16 to 512 printable characters/],
    ['with two words in it', () => file(`${token} ${token}`), /16 to 512 printable characters/],
    ['with too much in it', () => file('x'.repeat(513)), /16 to 512 printable characters/],
  ])('%s is refused, and its content not shown', (_what, path, says) => {
    try {
      readToken(path(), 'a-token-that-must-not-be-fallen-back-to')
    } catch (error) {
      expect(error).toBeInstanceOf(StartFailure)
      expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(says) as string })
      expect(String(error)).not.toContain(token)
      return
    }
    throw new Error('it was accepted')
  })
})

describe('the environment', () => {
  test('holds nothing of a handed-over token afterwards, nor does the disk', () => {
    const handover = mkdtempSync(join(folder, 'codesdkd-'))
    writeFileSync(join(handover, 'token'), token, { mode: 0o600 })
    const env: NodeJS.ProcessEnv = {
      CODESDKD_TOKEN_HANDOVER: join(handover, 'token'),
      CODESDKD_TOKEN: 'left-behind-by-somebody',
      PATH: '/bin',
    }
    expect(takeEnvironmentToken(env)).toBe(token)
    expect(env).toEqual({ PATH: '/bin' })
    expect(existsSync(handover)).toBe(false)
  })

  test('that names a file of others as handed over is refused, and the file stays', () => {
    const env: NodeJS.ProcessEnv = { CODESDKD_TOKEN_HANDOVER: file(token, 0o644) }
    expect(() => takeEnvironmentToken(env)).toThrow(/must belong to you/)
    expect(existsSync(join(folder, 'token'))).toBe(true)
  })

  test('without a token stays as it is', () => {
    const env = { PATH: '/bin' }
    expect(takeEnvironmentToken(env)).toBeNull()
    expect(takeEnvironmentToken({ ...env, CODESDKD_TOKEN: '' })).toBeNull()
  })
})

test('a made token would be accepted, and is never the same', () => {
  const made = Array.from({ length: 100 }, makeToken)
  expect(new Set(made).size).toBe(100)
  for (const one of made) expect(readToken(undefined, one)).toBe(one)
})
