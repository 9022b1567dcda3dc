/** Where calls of one provider go that are of another kind than most of its models'. Runs inside OpenCode. */
export interface Doors {
  /** The base URL that the provider's package is given. */
  readonly base: string
  /** Base URLs for calls whose path begins so. */
  readonly others: readonly { readonly path: string; readonly url: string }[]
}

/** `fetch` that leads each call through the door of its kind. */
export function throughDoors(plainFetch: typeof fetch, { base, others }: Doors): typeof fetch {
  const call = (target: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (target instanceof Request) return plainFetch(target, init)
    const url = String(target)
    const path = url.startsWith(`${base}/`) ? url.slice(base.length) : ''
    const door = others.find((one) => path.startsWith(one.path))
    return plainFetch(door === undefined ? target : `${door.url}${path}`, init)
  }
  return Object.assign(call, plainFetch)
}
