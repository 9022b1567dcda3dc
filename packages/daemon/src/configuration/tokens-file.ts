import { lstatSync } from 'node:fs'
import * as z from 'zod'
import { credentialNamespace, toVerbs, verbPattern } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import type { NamedToken, TokenSource } from '../core/token-source.ts'
import { readPrivateFile, tokenPattern } from './token.ts'

const entry = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ @ - and begin with a letter or digit'),
    token: z.string().regex(tokenPattern, 'must be 16 to 512 printable characters without spaces').optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
      .optional(),
    namespaces: z.union([z.literal('*'), z.array(credentialNamespace).min(1)], { error: 'must be "*" or a list of namespaces' }),
    verbs: z.array(verbPattern).min(1),
  })
  .refine(({ token, sha256 }) => (token === undefined) !== (sha256 === undefined), 'must have either token or sha256')

const file = z
  .strictObject({ tokens: z.array(entry).max(1_000) })
  .refine(({ tokens }) => new Set(tokens.map(({ name }) => name)).size === tokens.length, 'two tokens have the same name')

/**
 * The tokens of `--tokens`. The file is looked at again whenever it is asked; a version that cannot be used leaves the last one in force, and
 * `fault` says why. Throws `StartFailure` when the first version cannot be used.
 */
export function openTokensFile(path: string): TokenSource {
  let seen = signatureOf(path)
  let tokens = readTokens(path)
  let fault: string | null = null
  return {
    tokens() {
      const now = signatureOf(path)
      if (now === seen) return tokens
      seen = now
      try {
        tokens = readTokens(path)
        fault = null
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error
        fault = error.message
      }
      return tokens
    },
    fault: () => fault,
  }
}

function readTokens(path: string): readonly NamedToken[] {
  const parsed = file.safeParse(parseJson(readPrivateFile(path), path))
  if (parsed.success) return parsed.data.tokens.map(toNamedToken)
  const [issue] = parsed.error.issues
  throw new StartFailure(
    'invalid_config',
    `the tokens file ${path}: ${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'is not valid'}`,
  )
}

function toNamedToken({ name, token, sha256, namespaces, verbs }: z.infer<typeof entry>): NamedToken {
  const rights = { namespaces, sessions: null, verbs: toVerbs(verbs) }
  return token === undefined ? { name, rights, token: null, sha256: sha256?.toLowerCase() ?? '' } : { name, rights, token, sha256: null }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // What the parser says would quote the file.
    throw new StartFailure('invalid_config', `the tokens file ${path} is not JSON`)
  }
}

/** Changes with the file: a new one under the name, its content, its mode and its owner. */
function signatureOf(path: string): string {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? 'none' : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join()
}
