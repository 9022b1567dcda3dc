import { expect, test } from 'vitest'
import { useStand } from './stand.ts'

// esbuild before 0.25.0: its development server answered everybody with `Access-Control-Allow-Origin: *`, so that any page could read what
// it serves, its stream of events included.
const stand = useStand()

test.each(['/', '/sessions', '/events?until=idle', '/openapi.json', '/docs', '/health', '/nothing'])(
  'no answer of %s may be read by a page of another origin',
  async (path) => {
    for (const origin of [['Origin: https://evil.example'], []]) {
      const answer = await stand.send([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1:{port}', 'Connection: close', ...origin])
      expect(answer?.headers['access-control-allow-origin']).toBeUndefined()
      expect(answer?.headers['cross-origin-resource-policy']).toBe('same-origin')
      expect(answer?.status === 403).toBe(origin.length > 0)
    }
  },
)
