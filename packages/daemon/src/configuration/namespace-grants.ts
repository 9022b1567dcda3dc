import { resolve } from 'node:path'
import * as z from 'zod'
import { credentialNamespace, hostPattern } from '@codesdkd/protocol'
import type { SandboxGrants } from '../core/session-sandbox.ts'
import { StartFailure } from '../core/start-failure.ts'

const roots = z.array(z.string().min(1)).default([])
const entry = z.strictObject({
  writable_roots: roots,
  readable_roots: roots,
  network: z.strictObject({ allow: z.array(hostPattern).default([]) }).default({ allow: [] }),
})
const entries = z.record(credentialNamespace, entry)

/** The key `namespaces` of the config file: what sessions of a credential namespace get beside what all get. Throws `StartFailure`. */
export function toNamespaceGrants(given: unknown = {}): ReadonlyMap<string, SandboxGrants> {
  const read = entries.safeParse(given)
  if (!read.success) {
    const [issue] = read.error.issues
    const key = ['namespaces', ...(issue?.path ?? [])].join('.')
    throw new StartFailure('invalid_config', `config file key ${key}: ${issue?.message ?? 'is not valid'}`)
  }
  return new Map(
    Object.entries(read.data).map(([namespace, { writable_roots, readable_roots, network }]) => [
      namespace,
      { writableRoots: writable_roots.map(absolute), readableRoots: readable_roots.map(absolute), networkAllow: network.allow },
    ]),
  )
}

function absolute(path: string): string {
  return resolve(path)
}
