import { gzipSync } from 'node:zlib'
import type { Living } from './living.ts'
import { LIVING } from './values.ts'
import type { Body, Wish } from './wish.ts'

/** A request with everything in its place. */
export interface FuzzRequest {
  readonly method: string
  /** The path with the query. */
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer | null
}

/** The wish with what lives now in it. */
export function toRequest(wish: Wish, living: Living): FuzzRequest {
  const subject = living.choose(wish.operation, wish.pick)
  const text = (name: string, value: unknown): string => {
    const known = value === LIVING ? (subject[name] ?? 'nobody') : value
    return typeof known === 'string' ? known : JSON.stringify(known)
  }
  const path = wish.operation.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encode(text(name, wish.path[name])))
  const query = wish.query.map(([name, value]) => `${encode(name)}=${encode(text(snake(name), value))}`).join('&')
  const target = `${path}${query === '' ? '' : `?${query}`}${wish.suffix}`
  const body = toBytes(wish.body, (value) => resolve(value, '', subject))
  const headers = wish.headers.map(([name, value]) => [name, living.fill(text(snake(name), value))] as const)
  const named = new Set(headers.map(([name]) => name))
  return {
    method: wish.method,
    target,
    headers: body === null || named.has('content-type') ? headers : [...headers, ['content-type', 'application/json']],
    body,
  }
}

/** The same as a command line. */
export function toCurl(url: string, { method, target, headers, body }: FuzzRequest): string {
  const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`
  const shown = headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`)
  const data =
    body === null
      ? []
      : [
          body.length < 4_000
            ? `--data-binary ${quote(body.toString())}`
            : `--data-binary <${body.length} bytes that begin with ${body.subarray(0, 200).toString()}>`,
        ]
  return ['curl', '-i', '--path-as-is', '-X', method, ...shown, ...data, quote(url + target)].join(' ')
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function resolve(value: unknown, name: string, subject: Readonly<Record<string, unknown>>): unknown {
  if (value === LIVING) return subject[snake(name)] ?? 'nobody'
  if (Array.isArray(value)) return value.map((one) => resolve(one, name, subject))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member, key, subject)]))
}

function toBytes(body: Body, fill: (value: unknown) => unknown): Buffer | null {
  switch (body.kind) {
    case 'none':
      return null
    case 'json':
      return Buffer.from(JSON.stringify(fill(body.value)))
    case 'bytes':
      return Buffer.from(body.bytes, 'latin1')
    case 'text':
      return flawed(JSON.stringify(fill(body.value)), body.flaw)
    default:
      body satisfies never
      return null
  }
}

function flawed(text: string, flaw: (Body & { readonly kind: 'text' })['flaw']): Buffer {
  const first = /"(\w+)":/.exec(text)?.[1] ?? 'a'
  switch (flaw) {
    case 'truncated':
      return Buffer.from(text.slice(0, Math.floor(text.length / 2)))
    case 'twice':
      return Buffer.from(text + text)
    case 'doubled key':
      return Buffer.from(text.replace(/\}$/, `,"${first}":null,"${first}":{}}`))
    case 'bom':
      return Buffer.from(`\ufeff${text}`)
    case 'infinite':
      return Buffer.from(`{"${first}":1e999,"attempt":-1e999}`)
    case 'long number':
      return Buffer.from(`{"${first}":${'9'.repeat(100_000)}}`)
    case 'invalid utf-8':
      return Buffer.concat([Buffer.from(`{"${first}":"`), Buffer.of(0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80), Buffer.from('"}')])
    case 'deep':
      return Buffer.from(`{"${first}":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)
    case 'padded':
      return Buffer.from(text + ' '.repeat(1_050_000))
    case 'gzip':
      return gzipSync(text)
    default:
      flaw satisfies never
      return Buffer.alloc(0)
  }
}
