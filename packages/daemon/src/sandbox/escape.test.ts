import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Ground, users } from './testing/walled.ts'

const node = (code: string) => `"$NODE" -e '${code}' 2>/dev/null`
const listen = (target: string) => `require("net").connect(${target}).on("data", (d) => console.log(String(d))).on("error", () => {})`

interface Attack {
  readonly name: string
  readonly script: string
  /** Who gets through without a wall, where that is tried: everybody unless it is said. */
  readonly unwalled?: 'root' | 'not tried'
}

/**
 * Each succeeds by printing REACHED, or the secret that says so, or by leaving a file outside. They are run without a wall as well, and so
 * must do no harm where they succeed: nothing is written but in the test's own places; what belongs to the machine is opened at most.
 */
const attacks: readonly Attack[] = [
  { name: 'writes outside', script: 'echo x > "$OUTSIDE/planted"' },
  { name: 'writes outside through a link', script: 'ln -s "$OUTSIDE" link; echo x > link/planted' },
  { name: 'writes outside through a link that was there', script: 'echo x > there/planted' },
  { name: 'writes outside through the root of a process', script: 'echo x > "/proc/self/root$OUTSIDE/planted"' },
  { name: 'writes outside through its own descriptors', script: 'exec 9< /; echo x > "/proc/self/fd/9$OUTSIDE/planted"' },
  { name: 'makes a hard link to a file outside', script: 'ln "$OUTSIDE/secret" mine && cat mine' },
  { name: 'reads outside', script: 'cat "$OUTSIDE/secret"' },
  { name: 'reads the data directory', script: 'cat "$DATA/secret"' },
  { name: 'reads the home of another session', script: 'cat "$DATA/homes/two/secret"' },
  { name: 'reads what is hidden in the workspace', script: 'cat .keys/secret' },
  { name: 'moves what is hidden', script: 'mv .keys seen && cat seen/secret' },
  { name: 'reads a hidden file', script: 'cat token' },
  { name: 'reads the environment of a process', script: 'tr "\\0" "\\n" < /proc/$VICTIM/environ' },
  { name: 'enters the root of a process', script: 'cat "/proc/$VICTIM/root$OUTSIDE/secret"' },
  { name: 'sees the descriptors of a process', script: 'ls /proc/$VICTIM/fd > /dev/null && echo REACHED' },
  { name: 'opens the memory of a process', script: 'exec 9< /proc/$VICTIM/mem && echo REACHED' },
  { name: 'signals a process', script: 'kill -0 $VICTIM && echo REACHED' },
  { name: 'connects to a port of the host', script: node(listen('process.env.PORT, "127.0.0.1"')) },
  { name: 'connects to a socket of the host', script: node(listen('process.env.SOCKET')) },
  { name: 'uses a descriptor that the daemon has inherited', script: 'cat <&5' },
  { name: 'makes a user namespace', script: 'unshare --user true && echo REACHED' },
  { name: 'opens a setting of the machine', script: ': 2> /dev/null >> /proc/sys/kernel/core_pattern && echo REACHED', unwalled: 'root' },
  {
    name: 'opens any file of /proc that is not of a process',
    script:
      'find /proc -maxdepth 5 -path "/proc/[0-9]*" -prune -o -path "/proc/*self" -prune -o -type f -print 2>/dev/null | while read -r f; do (: >> "$f") 2>/dev/null && echo "REACHED $f"; done',
    unwalled: 'not tried',
  },
  { name: 'reads the password hashes', script: 'grep -q . /etc/shadow && echo REACHED', unwalled: 'root' },
  { name: 'reads private keys of the machine', script: 'ls /etc/ssl/private && echo REACHED', unwalled: 'root' },
  { name: 'makes a device', script: 'mknod device c 1 3 && echo REACHED', unwalled: 'root' },
  { name: 'looks at the devices of the machine', script: 'ls /sys/class && echo REACHED' },
]

const canary = 'canary-4d1f'

async function tryAttack({ script }: Attack, walled: boolean, user: number): Promise<boolean> {
  using ground = new Ground(user)
  const { workspace, outside, data } = ground
  mkdirSync(join(workspace, '.keys'))
  mkdirSync(join(data, 'homes', 'two'))
  for (const file of [
    join(outside, 'secret'),
    join(data, 'secret'),
    join(data, 'homes', 'two', 'secret'),
    join(workspace, '.keys', 'secret'),
    join(workspace, 'token'),
  ])
    writeFileSync(file, canary)
  symlinkSync(outside, join(workspace, 'there'))
  const server = createServer((socket) => socket.on('error', () => {}).end('REACHED'))
  const local = createServer((socket) => socket.on('error', () => {}).end('REACHED'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await once(local.listen(join(outside, 'socket')), 'listening')
  const inherited = openSync(join(outside, 'secret'), 'r')
  const victim = ground.start({ program: '/bin/sleep', args: ['600'], cwd: '/', env: { KEY: canary } })
  try {
    await once(victim, 'spawn')
    const env = {
      OUTSIDE: outside,
      DATA: data,
      NODE: process.execPath,
      VICTIM: String(victim.pid),
      SOCKET: join(outside, 'socket'),
      PORT: String((server.address() as AddressInfo).port),
    }
    const command = ground.command(script, { env, readable: [process.execPath] })
    const hidden = [data, join(workspace, '.keys'), join(workspace, 'token')]
    const ended = await ground.run(walled ? ground.enclose(command, ground.place({ hidden })) : command, [
      'pipe',
      'pipe',
      'pipe',
      null,
      null,
      inherited,
    ])
    return /REACHED/.test(ended.stdout) || ended.stdout.includes(canary) || existsSync(join(outside, 'planted'))
  } finally {
    victim.kill('SIGKILL')
    closeSync(inherited)
    server.close()
    local.close()
  }
}

describe.skipIf(process.platform !== 'linux')('an agent of', () => {
  describe.each(users)('uid %i', (user) => {
    test.each(attacks)('$name: not behind the wall', async (attack) => {
      expect(await tryAttack(attack, true, user)).toBe(false)
    })

    test.each(attacks.filter(({ unwalled }) => unwalled === undefined || (unwalled === 'root' && user === 0)))(
      '$name: without a wall it does',
      async (attack) => {
        expect(await tryAttack(attack, false, user)).toBe(true)
      },
    )
  })
})
