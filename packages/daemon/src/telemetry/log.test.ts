import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { createMasker } from '../core/redaction/redact.ts'
import { createLog } from './log.ts'

function collect() {
  const lines: string[] = []
  const log = createLog({ level: 'debug', masker: createMasker(['known-secret-1']), write: (line) => lines.push(line) })
  return { log, lines }
}

describe('a record', () => {
  it('is one line of JSON with level, time and message', () => {
    const { log, lines } = collect()
    log.info({ session_id: 's' }, 'ready')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[^\n]*\n$/)
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      session_id: 's',
      msg: 'ready',
    })
  })

  it.each([
    '\n{"level":"error"}',
    '\r\n',
    '\u001b[31m',
    '\u009b31m',
    '\u007f',
    '\u2028',
    '\u2029',
    '\u202e',
    '\u2066',
    '\ud800',
    '\0',
    '"}\n',
  ])('stays one harmless line with %j in it', (text) => {
    const { log, lines } = collect()
    log.info({ tool: text, [text]: 1, nested: { [text]: [text] } }, text)
    log.error(new Error(text), text)
    expect(lines).toHaveLength(2)
    for (const line of lines) {
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u)
      expect(line.endsWith('\n')).toBe(true)
    }
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      tool: text.toWellFormed() === text ? text : (expect.any(String) as string),
    })
  })

  it('shows no known secret, wherever it is', () => {
    const { log, lines } = collect()
    log
      .child({ authorization: 'known-secret-1' })
      .error({ err: new Error('known-secret-1'), a: { 'known-secret-1': JSON.stringify({ b: 'known-secret-1' }) } }, 'known-secret-1')
    expect(lines.join('')).not.toContain('known-secret')
    expect(lines.join('').match(/\[REDACTED:known:/g)?.length).toBeGreaterThanOrEqual(5)
  })

  it('below the level is not written', () => {
    const { log, lines } = collect()
    log.trace('x')
    expect(lines).toEqual([])
  })
})

describe('a log', () => {
  it('writes to stderr alone, and before the process ends', () => {
    const program = `
      import { createLog } from ${JSON.stringify(new URL('log.ts', import.meta.url).href)}
      import { createMasker } from ${JSON.stringify(new URL('../core/redaction/redact.ts', import.meta.url).href)}
      createLog({ level: 'info', masker: createMasker([]) }).info('last words')
      process.kill(process.pid, 'SIGKILL')`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    })
    expect(stdout).toBe('')
    expect(JSON.parse(stderr)).toMatchObject({ msg: 'last words' })
  })
})
