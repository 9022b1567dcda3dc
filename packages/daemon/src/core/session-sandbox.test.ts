import { describe, expect, test } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import { checkSandbox, toSandboxSettings, type CheckRoot, type SandboxRules, type WallPresence } from './session-sandbox.ts'

const stands: WallPresence = { available: true }
const cwd = '/u/me/project'
const missing: WallPresence = { available: false, reason: 'bubblewrap is not installed.', remedy: 'Install it.' }
const nothing = { personal: [], writableRoots: [], readableRoots: [], networkAllow: [], namespaces: new Map() }

const rules = (changes: Partial<SandboxRules> = {}): SandboxRules => ({ sandbox: 'auto', wall: stands, ...nothing, ...changes })

/** Everything is there but `/gone`; `/link` leads to `/real`. */
const checkRoot: CheckRoot = async (path, kind, by) => {
  if (path === '/gone') throw new Problem('invalid_request', 'It is not there.')
  if (path === '/private' && by === 'asked' && kind === 'writable') throw new Problem('root_not_allowed', 'It is not allowed.')
  return path === '/link' ? '/real' : path
}

describe('the mode of a session', () => {
  const reason = 'bubblewrap is not installed.'
  test.each<[SandboxRules['sandbox'], SandboxRules['sandbox'] | undefined, WallPresence, object]>([
    ['auto', undefined, stands, { mode: 'auto', walled: true }],
    ['auto', undefined, missing, { mode: 'auto', walled: false }],
    ['auto', 'off', stands, { mode: 'off', walled: false }],
    ['auto', 'require', stands, { mode: 'require', walled: true }],
    ['auto', 'require', missing, { code: 'sandbox_unavailable', members: { reason, remedy: 'Install it.' } }],
    ['require', undefined, stands, { mode: 'require', walled: true }],
    ['require', 'auto', stands, { mode: 'require', walled: true }],
    ['require', 'auto', missing, { code: 'sandbox_unavailable', members: { reason } }],
    ['require', 'off', stands, { code: 'sandbox_not_allowed', members: { allowed: ['auto', 'require'] } }],
    ['require', 'off', missing, { code: 'sandbox_not_allowed' }],
    ['off', undefined, stands, { mode: 'off', walled: false }],
    ['off', 'auto', stands, { mode: 'off', walled: false }],
    ['off', 'off', missing, { mode: 'off', walled: false }],
    ['off', 'require', stands, { code: 'sandbox_unavailable' }],
  ])('daemon %s, session %s, wall %j', async (sandbox, wish, wall, expected) => {
    const answer = toSandboxSettings(wish === undefined ? { cwd } : { cwd, sandbox: wish }, rules({ sandbox, wall }), checkRoot)
    expect(await answer.catch((error: unknown) => error)).toMatchObject(expected)
  })
})

describe('what a session is let through to', () => {
  const given = rules({
    writableRoots: ['/w', '/link'],
    readableRoots: ['/r'],
    networkAllow: ['A.example'],
    namespaces: new Map([['team', { writableRoots: ['/private'], readableRoots: ['/r', '/r2'], networkAllow: ['*.example'] }]]),
  })

  test('is what the daemon, the namespace and the request say, each once, by its real path', async () => {
    const wishes = { writable_roots: ['/real', '/mine'], readable_roots: ['/r2'], network: { allow: ['a.EXAMPLE', 'b.example:8443'] } }
    expect(await toSandboxSettings({ cwd, ...wishes, credential_namespace: 'team' }, given, checkRoot)).toEqual({
      mode: 'auto',
      walled: true,
      writableRoots: ['/w', '/real', '/private', '/mine'],
      readableRoots: ['/r', '/r2'],
      networkAllow: ['a.example', '*.example', 'b.example:8443'],
    })
  })

  test('has nothing of another namespace', async () => {
    expect(await toSandboxSettings({ cwd }, given, checkRoot)).toMatchObject({
      writableRoots: ['/w', '/real'],
      networkAllow: ['a.example'],
    })
  })

  test('is refused where the request asks for what it may not have', async () => {
    await expect(toSandboxSettings({ cwd, writable_roots: ['/private'] }, given, checkRoot)).rejects.toMatchObject({
      code: 'root_not_allowed',
    })
    await expect(toSandboxSettings({ cwd, readable_roots: ['/gone'] }, given, checkRoot)).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('says whose mistake it is when a root of the daemon is not there', async () => {
    const error = await toSandboxSettings({ cwd }, rules({ readableRoots: ['/gone'] }), checkRoot).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'sandbox_unavailable', message: expect.stringMatching(/readable root \/gone, which the daemon/) })
  })
})

describe('the home of the user', () => {
  const personal = rules({ personal: ['/u/me', '/u/me/.config'] })
  const refusal = { code: 'root_not_allowed' }

  test.each(['/u/me', '/u', '/', '/u/me/.config'])('is no workspace and no writable root behind the wall: %s', async (place) => {
    await expect(toSandboxSettings({ cwd: place }, personal, checkRoot)).rejects.toMatchObject({ ...refusal, members: { field: 'cwd' } })
    const wishes = { cwd, writable_roots: [place] }
    await expect(toSandboxSettings(wishes, personal, checkRoot)).rejects.toMatchObject({ ...refusal, members: { field: 'writable_roots' } })
    const given = { ...personal, writableRoots: [place] }
    await expect(toSandboxSettings({ cwd }, given, checkRoot)).rejects.toMatchObject(refusal)
  })

  test('may be read, worked in below, and be a workspace without the wall', async () => {
    const within = { cwd, readable_roots: ['/u/me'], writable_roots: ['/u/me/.cargo', '/u/me/.config/app'] }
    expect(await toSandboxSettings(within, personal, checkRoot)).toMatchObject({ walled: true, readableRoots: ['/u/me'] })
    expect(await toSandboxSettings({ cwd: '/u/me', sandbox: 'off' }, personal, checkRoot)).toMatchObject({ walled: false })
    expect(await toSandboxSettings({ cwd: '/u/me' }, { ...personal, wall: missing }, checkRoot)).toMatchObject({ walled: false })
  })

  test('is refused with a way that is open', async () => {
    const remedyOf = (sandbox: SandboxRules['sandbox']) =>
      toSandboxSettings({ cwd: '/u/me' }, { ...personal, sandbox }, checkRoot).catch((error: unknown) => error)
    expect(await remedyOf('auto')).toMatchObject({ members: { remedy: expect.stringContaining('"sandbox":"off"') } })
    expect(await remedyOf('require')).toMatchObject({ members: { remedy: expect.not.stringContaining('off') } })
  })

  test('is no workspace of an older session either', async () => {
    const sandbox = { mode: 'auto', walled: true, writableRoots: [], readableRoots: [], networkAllow: [] } as const
    const failure = { code: 'cwd_not_allowed', message: expect.stringContaining('/u/me is a home') }
    await expect(checkSandbox({ cwd: '/u/me', sandbox }, { rules: personal, checkRoot })).rejects.toMatchObject({ failure })
  })
})

describe('when the agent starts, maybe under another daemon', () => {
  const walled = { mode: 'auto', walled: true, writableRoots: ['/w'], readableRoots: ['/r'], networkAllow: [] } as const
  const bare = { ...walled, walled: false, writableRoots: ['/gone'] }
  const outcome = (sandbox: typeof walled | typeof bare, changes: Partial<SandboxRules>) =>
    checkSandbox({ cwd, sandbox }, { rules: rules(changes), checkRoot }).then(
      () => 'starts',
      (error: unknown) => error,
    )

  test('what was promised still holds', async () => {
    expect(await outcome(walled, {})).toBe('starts')
    expect(await outcome(walled, { sandbox: 'require' })).toBe('starts')
    expect(await outcome(bare, {})).toBe('starts')
    expect(await outcome(bare, { sandbox: 'off', wall: missing })).toBe('starts')
  })

  test('or there is no agent', async () => {
    const unavailable = { failure: { code: 'sandbox_unavailable', retryable: false } }
    expect(await outcome(walled, { wall: missing })).toMatchObject({
      failure: { message: expect.stringContaining('not installed. Install') },
    })
    expect(await outcome(walled, { wall: missing })).toMatchObject(unavailable)
    expect(await outcome(walled, { sandbox: 'off' })).toMatchObject(unavailable)
    expect(await outcome(bare, { sandbox: 'require' })).toMatchObject(unavailable)
  })

  test.each(['/gone', '/link'])('also where a root is gone or leads elsewhere: %s', async (path) => {
    const failure = { code: 'cwd_not_allowed', message: expect.stringContaining(path) }
    expect(await outcome({ ...bare, walled: true, writableRoots: [path] }, {})).toMatchObject({ failure })
  })
})
