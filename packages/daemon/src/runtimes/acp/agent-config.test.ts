import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { Problem } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import { parseAgentEntry, parseAgentOption } from './agent-config.ts'
import { sampleEnv } from '../../core/testing/env.ts'
import { toSupportedRuntime } from './configured.ts'

const options = { ledger: { started: () => {}, ended: () => {} }, newId: () => 'id' }

test('an agent of the command line is a name and the words of a command', () => {
  expect(parseAgentOption(`goose=/opt/goose acp --profile "my own" it\\'s`)).toMatchObject({
    name: 'goose',
    command: '/opt/goose',
    args: ['acp', '--profile', 'my own', "it's"],
  })
  expect(parseAgentOption('a=b=c')).toMatchObject({ name: 'a', command: 'b=c' })
})

test.each(['', 'goose', 'goose=', '=goose', 'Goose=goose', '-goose=goose', 'goose=goose | tee', 'goose=$(goose)', 'goose=goose "half'])(
  '%j is no agent',
  (text) => {
    expect(() => parseAgentOption(text)).toThrow(Problem)
  },
)

test('an entry says what it does not know', () => {
  const entry = { name: 'goose', command: 'goose' }
  expect(() => parseAgentEntry({ ...entry, colour: 'red' })).toThrow(/colour/)
  expect(() => parseAgentEntry({ ...entry, env: { 'A B': 'c' } })).toThrow(Problem)
})

test('what is known of an agent is what it claims', () => {
  const entry = parseAgentEntry({ name: 'goose', command: 'goose', models: ['one'], capabilities: { supports_session_resume: true } })
  const { capabilities } = toSupportedRuntime(entry).create(options)
  expect(capabilities).toMatchObject({ runtime: 'goose', models: ['one'], supports_session_resume: true, supports_questions: false })
})

test('a base URL and a key are taken only where the entry says how to tell them', () => {
  const entry = { name: 'goose', command: 'goose' }
  const config = { base_url: 'http://127.0.0.1:1/v1', envKey: 'KEY' }
  const told = toSupportedRuntime(parseAgentEntry({ ...entry, base_url_variable: 'URL', key_variable: 'KEY' })).create(options)
  expect(told.parseConfig?.(config)).toEqual({ base_url: 'http://127.0.0.1:1/v1', env_key: 'KEY' })
  const silent = toSupportedRuntime(parseAgentEntry(entry)).create(options)
  expect(() => silent.parseConfig?.(config)).toThrow(/base_url and env_key/)
})

test('where a key cannot be kept from an agent is told', () => {
  const notes = (more: object) =>
    toSupportedRuntime(parseAgentEntry({ name: 'a', command: 'a', ...more }))
      .create(options)
      .capabilities.notes?.join(' ')
  const variables = { base_url_variable: 'URL', key_variable: 'KEY' }
  expect(notes({})).toContain('Its key is in its environment')
  expect(notes(variables)).toContain('Where a session names no base_url, its key is in its environment')
  expect(notes({ ...variables, base_url: 'https://model.example/v1' })).not.toContain('key')
})

test.each([
  { base_url: 'https://model.example/v1' },
  { base_url_variable: 'URL' },
  { base_url_variable: 'URL', key_variable: 'KEY', base_url: 'https://key@model.example' },
  { dialect: 'mcp' },
  { hosts: ['https://model.example'] },
  { readable: ['lib'] },
])('%j is no entry', (more) => {
  expect(() => parseAgentEntry({ name: 'a', command: 'a', ...more })).toThrow(Problem)
})

test('the variables with secrets are those that the configuration names, checked or not', () => {
  const { secretVariables } = toSupportedRuntime(parseAgentEntry({ name: 'a', command: 'a' })).create(options)
  const remote = { url: 'http://127.0.0.1:1', bearer_token_env_var: 'TOKEN' }
  expect(secretVariables({ envKey: 'KEY', mcp_servers: { remote } })).toEqual(['KEY', 'TOKEN'])
  expect(secretVariables({ env_key: 1, mcpServers: { remote }, more: 2 })).toEqual(['TOKEN'])
  expect(secretVariables({ env_key: 'KEY', mcp_servers: 'none' })).toEqual(['KEY'])
})

test('an agent is looked for by its absolute path or on the PATH, and nowhere else', async () => {
  const find = (command: string) =>
    toSupportedRuntime(parseAgentEntry({ name: 'a', command })).findExecutable({ configured: null, installed: null, searchPath: '/bin' })
  expect(await find('/bin/sh')).toBe('/bin/sh')
  expect(await find('sh')).toBe('/bin/sh')
  expect(await find('./sh')).toBeNull()
  expect(await find('/nowhere/sh')).toBeNull()
})

test('a login is seen by its file or its variable, and is never looked into', async () => {
  const entry = parseAgentEntry({ name: 'a', command: 'sh', login_files: ['.a/login'], credential_variables: ['A_KEY'] })
  const { authStatus } = toSupportedRuntime(entry).create(options)
  const home = await mkdtemp(path.join(tmpdir(), 'agent-login-'))
  const variables = { HOME: home }
  const env = sampleEnv({ home, shared: true, variables })
  try {
    expect(await authStatus(env)).toMatchObject({ logged_in: false, login_hint: expect.stringContaining('A_KEY') })
    expect(await authStatus({ ...env, credentials: { A_KEY: 'key' } })).toMatchObject({
      logged_in: true,
      account_label: 'API key',
    })
    await mkdir(path.join(home, '.a'))
    await writeFile(path.join(home, '.a', 'login'), '')
    expect(await authStatus(env)).toMatchObject({ logged_in: true, account_label: 'a login' })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
  expect(() => parseAgentEntry({ ...entry, login_files: ['../login'] })).toThrow(Problem)
})
