import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { Ground, users } from './testing/walled.ts'

/** Everything that lives on keeps stdout open. */
const survivors = `
  (setsid sh -c 'trap "" TERM HUP; sleep 600' &)
  (sh -c '(sh -c "nohup sleep 600" &) &')
  echo ready; sleep 600`

describe.skipIf(process.platform !== 'linux').each(users)('behind the wall, as uid %i', (user) => {
  test.each([
    ['exit 0', 0],
    ['exit 42', 42],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
  ])('%s is code %i', async (script, code) => {
    using ground = new Ground(user)
    expect((await ground.inside(script)).code).toBe(code)
  })

  test('what cannot be run is said', async () => {
    using ground = new Ground(user)
    const ended = await ground.inside('', { program: '/usr/bin/no-such-program' })
    expect(ended).toMatchObject({ code: 127, stderr: expect.stringContaining('/usr/bin/no-such-program') })
  })

  test('standard streams pass through, and their ends are seen', async () => {
    using ground = new Ground(user)
    const child = ground.start(ground.enclose(ground.command('cat; echo end >&2')))
    const sent = 'x'.repeat(5 * 1024 * 1024)
    child.stdin.end(sent)
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect([stdout === sent, stderr]).toEqual([true, 'end\n'])
  })

  test('the environment is exactly what was given', async () => {
    using ground = new Ground(user)
    const { stdout } = await ground.inside('exec env', { env: { ONE: 'a b', TWO: '$HOME' } })
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=', 1)[0])
    expect(new Set(names)).toEqual(new Set(['HOME', 'ONE', 'PATH', 'PWD', 'TWO']))
    expect(stdout).toContain('TWO=$HOME\n')
  })

  test('it has no capability, no descriptor but its streams, no core file, and few processes', async () => {
    using ground = new Ground(user)
    const { stdout } = await ground.inside('cat /proc/self/status /proc/self/limits; ls /proc/self/fd')
    expect(stdout).toMatch(/CapEff:\s0000000000000000\n/)
    expect(stdout).toMatch(/CapBnd:\s0000000000000000\n/)
    expect(stdout).toMatch(/NoNewPrivs:\s1\n/)
    expect(stdout).toMatch(/Max core file size\s+0\s+0/)
    expect(stdout).toMatch(/Max processes\s+1024\s+1024/)
    // The fourth is the directory that is listed.
    expect(stdout).toMatch(/\n0\n1\n2\n3\n$/)
  })

  test('it knows who it is', async () => {
    using ground = new Ground(user)
    const { stdout } = await ground.inside('wc -l < /etc/passwd; id -u')
    expect(stdout).toBe(`1\n${user}\n`)
  })

  test('the program is the first child, `depth` steps below what was spawned', async () => {
    using ground = new Ground(user)
    const command = ground.enclose(ground.command('trap "echo asked; exit 7" TERM; echo ready; while :; do read -r line; done'))
    const child = ground.start(command)
    await once(child.stdout, 'data')
    let pid = Number(child.pid)
    for (let step = 0; step < command.depth; step += 1)
      pid = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0])
    process.kill(pid, 'SIGTERM')
    const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
    expect([said, child.exitCode]).toEqual(['asked\n', 7])
  })

  test('nothing survives the program', async () => {
    using ground = new Ground(user)
    const child = ground.start(ground.enclose(ground.command(survivors.replace('sleep 600\n', '').replace(/; sleep 600$/, '; exit 3'))))
    await text(child.stdout)
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(3)
  })

  test('nothing survives what was spawned', async () => {
    using ground = new Ground(user)
    const child = ground.start(ground.enclose(ground.command(survivors)))
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    expect(await text(child.stdout)).toBe('')
  })

  test('nothing survives the spawner', async () => {
    using ground = new Ground(user)
    const { program, args, ...rest } = ground.enclose(ground.command(survivors))
    // The shell stands for a daemon that is killed.
    const child = ground.start({ ...rest, program: '/bin/sh', args: ['-c', '"$@" & wait', 'sh', program, ...args] })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    expect(await text(child.stdout)).toBe('')
  })

  test('nothing survives whoever reads what it says', async () => {
    using ground = new Ground(user)
    const child = ground.start(ground.enclose(ground.command(survivors)))
    await once(child.stdout, 'data')
    child.stderr.destroy()
    expect(await text(child.stdout)).toBe('')
  })

  test('nothing survives a spawner that dies while the wall is built', async () => {
    using ground = new Ground(user)
    const { program, args, ...rest } = ground.enclose(ground.command(survivors))
    for (let round = 0; round < 20; round += 1) {
      const die = ['-c', `"$@" & sleep 0.00${round % 10}; kill -9 $$`, 'sh', program, ...args]
      const child = ground.start({ ...rest, program: '/bin/sh', args: die })
      await once(child, 'exit')
      // With a daemon its ends of the pipes go as well.
      child.stderr.destroy()
      expect(await text(child.stdout)).toMatch(/^(?:ready\n)?$/)
    }
  })

  test.skipIf(user === 0)('a fork bomb finds an end', async () => {
    using ground = new Ground(user)
    const ended = await ground.inside('i=0; while [ $i -lt 1100 ]; do sleep 600 & i=$((i+1)); done; echo forked', {})
    expect(ended.stderr).toMatch(/fork/i)
    expect(ended.stdout).not.toContain('forked')
  })

  test('work is left where it belongs, and nothing beside it', async () => {
    using ground = new Ground(user)
    await ground.inside('echo w > work; echo h > "$HOME/note"; echo t > /tmp/gone; echo r > /run/gone')
    expect(readFileSync(join(ground.workspace, 'work'), 'utf8')).toBe('w\n')
    expect(readdirSync(ground.home)).toEqual(['note'])
    expect(readdirSync(ground.workspace)).toEqual(['work'])
    expect(readdirSync(ground.sockets)).toEqual(['wall'])
  })

  test('a place keeps the name that it was called by', async () => {
    using ground = new Ground(user)
    symlinkSync('outside', join(ground.root, 'alias'))
    mkdirSync(join(ground.outside, 'work'))
    const named = join(ground.root, 'alias', 'work')
    const real = realpathSync(named)
    const place = ground.place({ writable: [real], named: [named] })
    const { stdout } = await ground.inside('pwd -P; echo x > file', { cwd: named }, place)
    expect(stdout).toBe(`${real}\n`)
    expect(readdirSync(join(ground.outside, 'work'))).toEqual(['file'])
  })

  test.each(['workspace', 'writable', 'readable'])('a %s place that has become a link is not shown', (kind) => {
    using ground = new Ground(user)
    const alias = join(ground.root, 'alias')
    symlinkSync(ground.outside, alias)
    const place = ground.place(kind === 'workspace' ? { workspace: alias } : { [kind]: [alias] })
    expect(() => ground.enclose(ground.command('true'), place)).toThrow('leads elsewhere')
  })

  test('what was put elsewhere while the wall was built ends it', async () => {
    using ground = new Ground(user)
    const enclosed = ground.enclose(ground.command('echo REACHED'))
    renameSync(ground.workspace, `${ground.workspace}-before`)
    symlinkSync(ground.outside, ground.workspace)
    const { stdout, code } = await ground.run(enclosed)
    expect(stdout).not.toContain('REACHED')
    expect(code).not.toBe(0)
  })

  test('of a home as workspace neither keys nor startup files nor the data directory are given away', async () => {
    using ground = new Ground(user)
    const home = ground.root
    for (const directory of ['.ssh', '.config/gcloud']) mkdirSync(join(home, directory), { recursive: true })
    for (const file of ['.ssh/id', '.config/gcloud/token', '.netrc', '.bashrc', 'data/secret', 'free'])
      writeFileSync(join(home, file), 'content')
    const script = `
      cat .ssh/id .config/gcloud/token .netrc data/secret; ls -A .ssh; ls data
      for f in .bashrc .ssh/new .netrc data/new; do (echo x > $f) && echo "wrote $f"; done
      for d in .ssh .config .config/gcloud .netrc .bashrc data data/homes; do mv $d moved && echo "moved $d"; done
      echo x > free && echo x > "$HOME/note" && echo fine`
    const place = ground.place({ workspace: home })
    const { stdout } = await ground.inside(script, { cwd: home }, place, home)
    expect(stdout).toBe('homes\nfine\n')
    expect(readFileSync(join(home, '.bashrc'), 'utf8')).toBe('content')
  })

  test('a login file in a hidden place can be read and written, its neighbours not', async () => {
    using ground = new Ground(user)
    const [login, other] = [join(ground.data, 'login.json'), join(ground.data, 'other.json')]
    for (const file of [login, other]) writeFileSync(file, 'old')
    await ground.inside(`cat ${login} > seen; echo new > ${login}; cat ${other} >> seen`, { writable: [login] })
    expect([readFileSync(login, 'utf8'), readFileSync(join(ground.workspace, 'seen'), 'utf8')]).toEqual(['new\n', 'old'])
  })

  test('of sockets in the workspace those of the host are hidden, its own are not', async () => {
    using ground = new Ground(user)
    const server = createServer((socket) => socket.on('error', () => {}).end('REACHED'))
    await once(server.listen(join(ground.workspace, 'host.sock')), 'listening')
    const code = `const { createServer, connect } = require("net");
      connect("host.sock").on("data", (d) => console.log(String(d))).on("error", () => console.log("refused"));
      const own = createServer((s) => s.end("own")).listen("own.sock", () => connect("own.sock").on("data", (d) => { console.log(String(d)); own.close() }))`
    const { stdout } = await ground.inside(`"$NODE" -e '${code}'`, { env: { NODE: process.execPath }, readable: [process.execPath] })
    server.close()
    expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['refused', 'own']))
  })

  test('a workspace may be the whole machine', async () => {
    using ground = new Ground(user)
    const place = ground.place({ workspace: '/' })
    const script = `ls -A /sys /boot; cat /etc/shadow ${ground.data}/secret; (: >> /usr/bin/env) && echo open; wc -l < /etc/passwd; ls "$HOME" && echo fine`
    writeFileSync(join(ground.data, 'secret'), 'REACHED')
    const { stdout } = await ground.inside(script, { cwd: '/' }, place, ground.home)
    expect(stdout.split('\n').filter((line) => line !== '' && !line.endsWith(':'))).toEqual(['1', 'fine'])
  })

  test('the sockets lead out, and cannot be replaced', async () => {
    using ground = new Ground(user)
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      void text(socket).then((all) => socket.end(`got ${all.length}`))
    })
    await once(server.listen(join(ground.sockets, 'gateway.sock')), 'listening')
    const code = `const s = require("net").connect({ port: 8080, host: "127.0.0.1", allowHalfOpen: true });
      s.on("data", (d) => process.stdout.write(d)); s.end("x".repeat(3000000));
      require("net").connect(3128, "127.0.0.1").on("close", () => console.log(" closed")).on("error", () => {})`
    const script = `rm /run/codesdkd/gateway.sock; echo x > /run/codesdkd/new; "$NODE" -e '${code}'`
    const { stdout } = await ground.inside(script, { env: { NODE: process.execPath }, readable: [process.execPath] })
    expect(stdout).toContain('got 3000000')
    expect(stdout).toContain(' closed')
    expect(readdirSync(ground.sockets).toSorted()).toEqual(['gateway.sock', 'wall'])
    server.close()
  })
})
