import { Problem } from '@codesdkd/protocol'

export interface ByteRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

/**
 * One range of `Range: bytes=…` over `size` bytes. Null means the whole: without the header, for several ranges, and for what is no
 * range at all. Throws `Problem('range_not_satisfiable')` for a range that holds no byte.
 */
export function toRange(header: string | undefined, size: number): ByteRange | null {
  const [, from = '', to = ''] = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return null
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (first > last) throw new Problem('range_not_satisfiable', `The content has ${size} bytes.`, { members: { size } })
  return { first, last }
}
