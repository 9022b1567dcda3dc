import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atLeast } from '../../../../test/fuzz/runs.ts'
import { DENIAL_LIMIT, findFileDenials } from './denials.ts'

const targets = (output: string) => findFileDenials(output).map(({ target }) => target)

describe('a message of', () => {
  it.each([
    ['bash', 'bash: line 1: /etc/x: Read-only file system', '/etc/x'],
    ['bash with a path that has blanks', 'bash: line 1: /etc/my file: Read-only file system', '/etc/my file'],
    ['bash in its own words', '/bin/bash: line 3: ../out.txt: Read-only file system', '../out.txt'],
    ['dash', 'sh: 1: cannot create /etc/x: Read-only file system', '/etc/x'],
    ['dash, relative', 'sh: 1: cannot create out: Read-only file system', 'out'],
    ['ash', "sh: can't create /etc/x: Read-only file system", '/etc/x'],
    ['zsh', 'zsh:1: read-only file system: /etc/x', '/etc/x'],
    ['zsh, relative', 'zsh:1: read-only file system: .git/hooks/pre-commit', '.git/hooks/pre-commit'],
    ['zsh in a script', '(eval):12: read-only file system: my file', 'my file'],
    ['touch', "touch: cannot touch '/etc/x': Read-only file system", '/etc/x'],
    ['touch in UTF-8', 'touch: cannot touch ‘/etc/x’: Read-only file system', '/etc/x'],
    ['mkdir', 'mkdir: cannot create directory ‘/usr/a: b’: Read-only file system', '/usr/a: b'],
    ['mv', "mv: cannot move 'a' to '/etc/a': Read-only file system", '/etc/a'],
    ['rm', "rm: cannot remove '/etc/x': Read-only file system", '/etc/x'],
    ['tee', 'tee: out: Read-only file system', 'out'],
    ['sed', "sed: couldn't open temporary file /etc/sedAb1: Read-only file system", '/etc/sedAb1'],
    ['tar', 'tar: usr/x: Cannot open: Read-only file system', 'usr/x'],
    ['rsync', 'rsync: [Receiver] mkdir "/etc/x" failed: Read-only file system (30)', '/etc/x'],
    ['curl', 'curl: Warning: Failed to open the file /etc/x: Read-only file system', '/etc/x'],
    ['apt', 'E: Could not open lock file /var/lib/dpkg/lock - open (30: Read-only file system)', '/var/lib/dpkg/lock'],
    ['git', 'error: could not lock config file .git/config: Read-only file system', '.git/config'],
    ['git about its index', "fatal: Unable to create '/ws/.git/index.lock': Read-only file system", '/ws/.git/index.lock'],
    ['git about a directory', 'fatal: cannot mkdir /opt/clone: Read-only file system', '/opt/clone'],
    ['git about a file', "fatal: could not open '/etc/x' for writing: Read-only file system", '/etc/x'],
    ['Node', "Error: EROFS: read-only file system, open '/etc/x'", '/etc/x'],
    ['Node about two', "Error: EROFS: read-only file system, rename '/ws/a' -> '/etc/a'", '/etc/a'],
    ['npm', "npm error EROFS: read-only file system, mkdir '/usr/lib/node_modules/x'", '/usr/lib/node_modules/x'],
    ['Python', "OSError: [Errno 30] Read-only file system: '/etc/x'", '/etc/x'],
    ['Python about two', "OSError: [Errno 30] Read-only file system: 'a' -> '/etc/a'", '/etc/a'],
    ['pip', "ERROR: Could not install packages due to an OSError: [Errno 30] Read-only file system: '/usr/lib/x'", '/usr/lib/x'],
    ['Ruby', "e.rb:1:in `write': Read-only file system @ rb_sysopen - /etc/x (Errno::EROFS)", '/etc/x'],
    ['Go', 'panic: open /etc/x: read-only file system', '/etc/x'],
    ['Go without more', 'mkdir /etc/x: read-only file system', '/etc/x'],
    ['Rust', 'error: failed to write `/etc/x`: Read-only file system (os error 30)', '/etc/x'],
    ['Rust with the path behind', 'Read-only file system (os error 30) at path "/usr/.tmpA"', '/usr/.tmpA'],
    ['Java', 'java.io.FileNotFoundException: /etc/x (Read-only file system)', '/etc/x'],
    ['Gemini around a command', "Output: (empty)\nStderr: touch: cannot touch '/etc/x': Read-only file system\nExit Code: 1", '/etc/x'],
    ['Claude around a command', "Exit code 1\ntouch: cannot touch '/etc/x': Read-only file system", '/etc/x'],
    ['Codex about a patch', 'Failed to write file /etc/x: Read-only file system (os error 30)', '/etc/x'],
    ['a terminal', "working\rtouch: cannot touch '/etc/x': Read-only file system\r\n", '/etc/x'],
  ])('%s', (_who, output, target) => expect(targets(output)).toEqual([target]))

  it.each([
    ['nothing', ''],
    ['another error', "touch: cannot touch '/etc/x': Permission denied"],
    ['a program that names no file', 'OSError: [Errno 30] Read-only file system'],
    ['a program that names none either', 'Error: Read-only file system (os error 30)'],
    ['a write that failed', 'bash: echo: write error: Read-only file system'],
    ['a property of an error', "  code: 'EROFS',"],
    ['a quoted message', 'Os { code: 30, message: "Read-only file system" }'],
    ['a sentence', 'This is about a read-only file system and no more.'],
    ['a name with a bell in it', "touch: cannot touch '/etc/\u0007x': Read-only file system"],
    ['a name of blanks', "touch: cannot touch '  ': Read-only file system"],
  ])('%s tells no path', (_what, output) => expect(targets(output)).toEqual([]))
})

describe('several messages', () => {
  const line = (path: string) => `touch: cannot touch '${path}': Read-only file system\n`

  it('name each path once, in order', () => {
    expect(findFileDenials(`${line('/b')}${line('/a')}${line('/b')}`)).toEqual([
      { kind: 'file', target: '/b', reason: 'read-only in the sandbox', source: 'output' },
      { kind: 'file', target: '/a', reason: 'read-only in the sandbox', source: 'output' },
    ])
  })

  it(`are cut at ${DENIAL_LIMIT}`, () => {
    const many = Array.from({ length: 3 * DENIAL_LIMIT }, (_, index) => line(`/etc/${index}`)).join('')
    expect(targets(many)).toEqual(Array.from({ length: DENIAL_LIMIT }, (_, index) => `/etc/${index}`))
  })
})

describe('any output', () => {
  const pieces = fc.constantFrom(
    'read-only file system',
    'EROFS',
    '[Errno 30] ',
    ': ',
    "'",
    '"',
    '‘',
    '’',
    '/etc/x',
    ' ',
    '\n',
    '\r',
    '(',
    ', open ',
    ' -> ',
    '\u0000',
  )
  const outputs = fc.array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 40 }).map((parts) => parts.join(''))

  it('gives few denials that fit their schema, and never throws', () => {
    fc.assert(
      fc.property(outputs, (output) => {
        const found = findFileDenials(output)
        expect(found.length).toBeLessThanOrEqual(DENIAL_LIMIT)
        for (const { target } of found) expect(output).toContain(target)
      }),
      { numRuns: atLeast(2000) },
    )
  })

  // A cost that grows with the square of the length would be minutes here.
  it.each([
    ['messages without an end', 'read-only file system '],
    ['lines that name nothing', 'EROFS\n'],
    ['open quotes', `x: '"\`‘ /a: read-only file system, open '`],
    ['blanks', ' '.repeat(100)],
    ['slashes and marks', `${': (/'.repeat(500)}read-only file system\n`],
    ['words before a message', `${'cannot create a '.repeat(200)}Read-only file system\n`],
    ['paths that are none', `${"'\\u0007".repeat(500)}': Read-only file system\n`],
    ['brackets', '[Errno 30] [Errno 30]: '],
  ])('takes time in proportion to its length: %s', (_what, piece) => {
    const output = piece.repeat(Math.ceil(4_000_000 / piece.length))
    expect(findFileDenials(output).length).toBeLessThanOrEqual(DENIAL_LIMIT)
  })
})

describe('real programs', () => {
  const run = promisify(execFile)
  const commands = [
    'bash --norc -c "echo a > $DIR/bash"',
    'sh -c "echo a > $DIR/sh"',
    'touch $DIR/touch',
    'mkdir $DIR/mkdir',
    'echo a | tee $DIR/tee',
    'cp $DIR/there $DIR/cp',
    'mv $DIR/there $DIR/mv',
    'rm $DIR/there',
    'ln -s a $DIR/ln',
    'git init $DIR/git',
    'node -e "require(`fs`).writeFileSync(`$DIR/node`, ``)"',
  ]
  const paths = ['bash', 'sh', 'touch', 'mkdir', 'tee', 'cp', 'mv', 'there', 'ln', 'git', 'node']

  it.skipIf(process.platform !== 'linux').each(commands.map((command, index) => [command, paths[index] ?? ''] as const))(
    'behind a wall: %s',
    async (command, path) => {
      const directory = await mkdtemp(join(tmpdir(), 'codesdkd-denials-'))
      try {
        await writeFile(join(directory, 'there'), '')
        const wall = [
          '--ro-bind',
          '/',
          '/',
          '--dev',
          '/dev',
          '--unshare-user',
          '--',
          'sh',
          '-c',
          `{ ${command.replaceAll('`', "'")}; } 2>&1; true`,
        ]
        const { stdout } = await run('bwrap', wall, { env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', DIR: directory } })
        expect([stdout, targets(stdout)]).toEqual([stdout, [join(directory, path)]])
      } finally {
        await rm(directory, { recursive: true })
      }
    },
  )
})
