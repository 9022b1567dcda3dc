import { mapStrings } from './json-strings.ts'
import { createKnownSecrets, holdsMark, isMark, toMark } from './known-secrets.ts'
import { assignment, credentialRules, isJwkSecret, isSecretValue, prefixRules, secretName } from './secret-rules.ts'

export interface RedactorOptions {
  /** Exact values that must not be seen. */
  readonly known: Iterable<string>
  /** Makes the marks of equal secrets equal, and of no use without it. */
  readonly key: Uint8Array
  /** Whose machine it is; null where it is not to be hidden. */
  readonly identity: Identity | null
}

export interface Identity {
  readonly home: string
  readonly user: string
  readonly host: string
}

/** Takes secrets out of what leaves the machine, layer by layer. Redacting twice changes nothing more. */
export interface Redactor {
  text(text: string): string
  /** A JSON value: strings and keys as text, and whole strings under names of secrets. */
  value(value: unknown): unknown
  /** Marks a secret that was found by other means. */
  mark(rule: string, secret: string): string
  /** How many were found so far, by rule. */
  readonly counts: ReadonlyMap<string, number>
}

type Mark = (rule: string, secret: string) => string

/** Finds secrets by rules that are not ours; resolves to their texts. */
export type FindSecrets = (text: string) => Promise<readonly string[]>

/** All layers, and then what `find` still finds. The values are searched together, which is why they come together. */
export async function redactDeeply(values: readonly unknown[], redactor: Redactor, find: FindSecrets): Promise<readonly unknown[]> {
  const redacted = values.map((value) => redactor.value(value))
  const texts = new Set<string>()
  mapStrings(redacted, (text) => (texts.add(text), text))
  const found = (await find([...texts].join('\n')))
    .flatMap((secret) => secret.split('\n'))
    .filter((secret) => secret.length > 5 && !holdsMark(secret))
  if (found.length === 0) return redacted
  const longestFirst = found.toSorted((a, b) => b.length - a.length)
  const hide = (text: string) =>
    longestFirst.reduce((current, secret) => current.replaceAll(secret, () => redactor.mark('linter', secret)), text)
  return redacted.map((value) => mapStrings(value, hide))
}

/** The layers see what the layers before left; a few rounds reach a text in which none of them finds any more. */
const MAX_ROUNDS = 5
/** Names and ids stand in every event: short texts in which nothing was found are remembered, and not searched again. */
const CLEAN_COUNT = 4_096
const CLEAN_LENGTH = 128

export function createRedactor({ known, key, identity }: RedactorOptions): Redactor {
  const secrets = createKnownSecrets(known)
  const counts = new Map<string, number>()
  const mark: Mark = (rule, secret) => {
    counts.set(rule, (counts.get(rule) ?? 0) + 1)
    return toMark(rule, secret, key)
  }
  const layers = [
    (text: string) => secrets.replace(text, (secret) => mark('known', secret)),
    (text: string) => maskShapes(text, mark),
    (text: string) => maskAssignments(text, mark),
    ...(identity === null ? [] : [createIdentityLayer(identity, mark)]),
  ]
  const clean = new Set<string>()
  const text = (before: string) => {
    if (clean.has(before)) return before
    let after = before
    for (let round = 0, last = ''; round < MAX_ROUNDS && after !== last; round++) {
      last = after
      after = layers.reduce((current, layer) => layer(current), after)
    }
    if (after === before && before.length <= CLEAN_LENGTH) {
      if (clean.size === CLEAN_COUNT) clean.clear()
      clean.add(before)
    }
    return after
  }
  const value = (input: unknown) =>
    mapStrings(input, (part, name) => (name !== null && isNamedSecret(name, part) ? mark('named', part) : text(part)))
  return { text, value, mark, counts }
}

function isNamedSecret(name: string, value: string): boolean {
  if (isJwkSecret(name, value)) return true
  const word = secretName.exec(name)?.[0]
  return word !== undefined && value !== '' && !isMark(value) && isSecretValue(word, value, 'quoted')
}

function maskShapes(text: string, mark: Mark): string {
  return [...prefixRules, ...credentialRules].reduce(
    (current, { name, pattern, accepts }) => current.replace(pattern, (found) => (accepts?.(found) === false ? found : mark(name, found))),
    text,
  )
}

function maskAssignments(text: string, mark: Mark): string {
  return replaceEach(text, assignment, ({ 0: whole, groups = {} }) => {
    const { name = '', assign = '', open = '"', bare } = groups
    const value = groups['double'] ?? groups['single'] ?? groups['escaped'] ?? bare ?? ''
    const how = bare === undefined ? 'quoted' : /^(?:=|%3d)$/i.test(assign) ? 'assigned' : 'bare'
    if (isMark(value) || !isSecretValue(name, value, how)) return whole
    const end = whole.length - (bare === undefined ? open.length : 0)
    return whole.slice(0, end - value.length) + mark('named', value) + whole.slice(end)
  })
}

/** Accounts and hosts that say nothing about anyone. */
const commonNames: ReadonlySet<string> = new Set([
  'root',
  'user',
  'admin',
  'node',
  'ubuntu',
  'debian',
  'runner',
  'developer',
  'localhost',
  'host',
  'linux',
])

/** Home directories, whoever's they are, and the names of the user and the host where they stand as words. */
function createIdentityLayer({ home, user, host }: Identity, mark: Mark): (text: string) => string {
  const directories = home.length > 1 ? [home, home.replaceAll('/', '\\/'), encodeURIComponent(home)] : []
  const names = [user, host, host.split('.')[0] ?? ''].filter((name) => name.length > 2 && !commonNames.has(name.toLowerCase()))
  const patterns = [
    { rule: 'home', pattern: toWords(directories) },
    { rule: 'account', pattern: /(?<=(?:\/|%2[Ff])(?:home|Users)(?:\\{0,7}\/|%2[Ff]))[A-Za-z0-9][\w.-]{0,63}/g },
    { rule: 'name', pattern: toWords(names) },
  ]
  return (text) =>
    patterns.reduce(
      (current, { rule, pattern }) => (pattern === null ? current : replaceOutsideMarks(current, pattern, (found) => mark(rule, found))),
      text,
    )
}

function toWords(texts: readonly string[]): RegExp | null {
  return texts.length === 0
    ? null
    : new RegExp(`(?<![A-Za-z0-9])(?:${texts.map((text) => RegExp.escape(text)).join('|')})(?![A-Za-z0-9_-])`, 'g')
}

/** What names a person may by chance occur in a mark, which stays as it is. */
function replaceOutsideMarks(text: string, pattern: RegExp, replace: (found: string) => string): string {
  return replaceEach(text, pattern, ({ 0: found, index }) => (isInMark(text, index) ? found : replace(found)))
}

function isInMark(text: string, at: number): boolean {
  return /\[REDACTED:[a-z_:0-9a-f]*$/.test(text.slice(Math.max(0, at - 40), at))
}

function replaceEach(text: string, pattern: RegExp, replace: (match: RegExpExecArray) => string): string {
  let replaced = ''
  let done = 0
  for (const match of text.matchAll(pattern)) {
    replaced += text.slice(done, match.index) + replace(match)
    done = match.index + match[0].length
  }
  return replaced + text.slice(done)
}
