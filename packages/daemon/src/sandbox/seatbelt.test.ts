import { expect, test } from 'vitest'
import { createSeatbelt } from './seatbelt.ts'

const command = {
  program: '/opt/agent',
  args: ['a b'],
  cwd: '/p/work',
  env: { HOME: '/p/data/homes/one' },
  readable: [],
  writable: [],
}
const place = {
  workspace: '/p/work',
  writable: ['/p/data/homes/one'],
  readable: [],
  named: [],
  hidden: ['/p/data'],
  sockets: '/p/s',
  ports: [8080],
}

test('the profile lets nothing out but what it names', () => {
  const enclosed = createSeatbelt({ home: '/p/h' }).enclose(command, place)
  expect(enclosed).toMatchObject({ program: '/usr/bin/sandbox-exec', cwd: '/p/work', env: command.env, depth: 0 })
  const [flag, profile = '', ...rest] = enclosed.args
  expect([flag, rest]).toEqual(['-p', ['/opt/agent', 'a b']])
  const lines = profile.split('\n')
  const at = (line: string) => lines.findIndex((each) => each.includes(line))
  expect(lines.filter((line) => line.startsWith('(allow network'))).toEqual(['(allow network-outbound (remote ip "localhost:8080"))'])
  expect(at('(deny network*)')).toBeLessThan(at('(allow network-outbound'))
  expect(at('(subpath "/p/h/.ssh")')).toBeGreaterThan(at('(allow default)'))
  // The last rule that fits counts.
  expect(lines.findLastIndex((line) => line.includes('"/p/data/homes/one"'))).toBeGreaterThan(
    lines.findLastIndex((line) => line.includes('"/p/data"')),
  )
})

test('a name cannot end its string', () => {
  const [, profile = ''] = createSeatbelt({ home: '/p/h' }).enclose(command, { ...place, workspace: '/p/a") (allow default) (x "\\' }).args
  expect(profile).toContain(String.raw`(subpath "/p/a\") (allow default) (x \"\\")`)
})
