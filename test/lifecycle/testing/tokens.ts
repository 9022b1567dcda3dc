import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'

export const toSecret = (): string => randomBytes(24).toString('base64url')

export const bearer = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` })

/** Puts a tokens file in place of the one before, whole at every moment. */
export function writeTokens(path: string, content: unknown, mode = 0o600): void {
  writeFileSync(`${path}.new`, typeof content === 'string' ? content : JSON.stringify(content), { mode })
  renameSync(`${path}.new`, path)
}
