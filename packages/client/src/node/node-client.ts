import { createClient as createWebClient, type Client, type ClientOptions } from '../client.ts'
import { createSocketFetch } from './socket-fetch.ts'

/** The client for the web, which here also takes the address of a Unix socket: `unix:/run/user/1000/codesdkd.sock`. */
export function createClient(options: ClientOptions): Client {
  const { url } = options
  if (typeof url !== 'string' || !url.startsWith('unix:')) return createWebClient(options)
  return createWebClient({ fetch: createSocketFetch(url.slice('unix:'.length)), ...options, url: 'http://localhost' })
}
