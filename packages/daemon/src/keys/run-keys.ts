import { toJson, toTable, type Report } from '../report.ts'
import type { Config } from '../configuration/config.ts'
import { StartFailure } from '../core/start-failure.ts'
import { createKeyStore, DamagedKeys, InvalidKey, type KeyName, type KeyStore } from './key-store.ts'
import type { KeysRequest } from '../configuration/keys-request.ts'
import { toAlias } from '../configuration/runtime-names.ts'
import { makeDataDir } from '../storage/data-dir.ts'
import { allRuntimes, toSupported } from '../installed/supported-runtimes.ts'
import { readTypedKey, type Terminal } from './typed-key.ts'

type SetRequest = Extract<KeysRequest, { action: 'set' }>
type RemoveRequest = Extract<KeysRequest, { action: 'remove' }>

/** `codesdkd keys …`: works without a daemon, and beside one, which sees the change when it starts the next agent. Throws `StartFailure`. */
export async function runKeys(request: KeysRequest, config: Config, terminal: Terminal): Promise<Report> {
  const store = createKeyStore(config.dataDir)
  try {
    switch (request.action) {
      case 'list':
        return listKeys(store, request.json)
      case 'set':
        return await setKey(store, request, config, terminal)
      case 'remove':
        return await removeKeys(store, request)
      default:
        return request satisfies never
    }
  } catch (error) {
    if (error instanceof InvalidKey) fail(error.message)
    if (!(error instanceof DamagedKeys)) throw error
    process.stderr.write(`codesdkd: ${error.message}\n`)
    return { exitCode: 1, stdout: '' }
  }
}

function listKeys(store: KeyStore, json: boolean): Report {
  const keys = store.list()
  if (json) return { exitCode: 0, stdout: toJson({ keys }) }
  if (keys.length === 0) return { exitCode: 0, stdout: 'No key is stored.\n' }
  const rows = keys.map(({ namespace, runtime, variable, endpoint }) => [namespace, runtime, variable, endpoint ?? '-'])
  return { exitCode: 0, stdout: toTable([['NAMESPACE', 'RUNTIME', 'VARIABLE', 'ENDPOINT'], ...rows]) }
}

async function setKey(
  store: KeyStore,
  { name, namespace, variable: wish, endpoint }: SetRequest,
  config: Config,
  terminal: Terminal,
): Promise<Report> {
  const variable = toVariable(name, wish, config)
  const key = await readTypedKey(`${variable} of ${toAlias(name)}: `, terminal)
  if (key === null) return { exitCode: 1, stdout: 'Nothing was stored.\n' }
  makeDataDir(config.dataDir)
  await store.set({ namespace, runtime: name, variable }, key, endpoint)
  return {
    exitCode: 0,
    stdout: `${toText({ namespace, runtime: name, variable })} is stored${endpoint === null ? '' : `, for ${endpoint} alone`}.\n`,
  }
}

async function removeKeys(store: KeyStore, { name, namespace, variable }: RemoveRequest): Promise<Report> {
  const removed = await store.remove({ namespace, runtime: name }, variable)
  if (removed.length === 0) return { exitCode: 1, stdout: `No such key of ${toAlias(name)} is stored in the namespace ${namespace}.\n` }
  return { exitCode: 0, stdout: removed.map((key) => `${toText(key)} is removed.\n`).join('') }
}

/** Throws `StartFailure` for a runtime that is not known, and for a variable that it does not take keys from. */
function toVariable(name: string, wish: string | null, config: Config): string {
  const supported = toSupported(name, allRuntimes(config))
  // It only tells about itself: nothing is started.
  const runtime = supported.create({ ledger: { started: () => undefined, ended: () => undefined }, newId: () => '' })
  const [first] = runtime.credentialVariables
  if (first === undefined) return fail(`${toAlias(name)} names no variable for a key: give its entry "credential_variables"`)
  if (wish === null || runtime.credentialVariables.includes(wish)) return wish ?? first
  // It may be the key itself, put in the wrong place: it is not repeated.
  return fail(`${toAlias(name)} takes no key from this variable; there are: ${runtime.credentialVariables.join(', ')}`)
}

function toText({ namespace, runtime, variable }: KeyName): string {
  return `${variable} of ${toAlias(runtime)}${namespace === 'default' ? '' : ` in the namespace ${namespace}`}`
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
