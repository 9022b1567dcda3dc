import { Ajv2020 } from 'ajv/dist/2020.js'
import { Problem } from '@codesdkd/protocol'
import { createRouter } from '../../packages/daemon/src/http/router.ts'
import { errorsByStatus } from '../../packages/daemon/src/http/route.ts'
import { routes } from '../../packages/daemon/src/http/routes.ts'
import type { Answer, TestClient } from '../harness/client.ts'

/** From here on every answer that the client gets must be one that the daemon's own OpenAPI document declares: status, code and shape. */
export async function checkEveryAnswer(client: TestClient, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const document: object = (await client.get('/openapi.json', headers)).body
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'api', ...document })
  const find = createRouter(routes)
  const request = client.request.bind(client)
  client.request = async (method, path, ...rest) => {
    const answer = await request(method, path, ...rest)
    const match = find(method, path.split('?')[0] ?? '')
    if (!(match instanceof Problem)) {
      const media = answer.headers.get('content-type')?.split(';')[0] ?? ''
      if (answer.status >= 400) checkCode(answer, errorsByStatus(match.route).get(answer.status) ?? [], `${method} ${path}`)
      if (media.endsWith('json')) checkShape(ajv, answer, toPointer(match.route, answer.status, media), `${method} ${path}`)
    }
    return answer
  }
}

function checkCode(answer: Answer, declared: readonly string[], what: string): void {
  const { error }: { error: string } = answer.body
  if (!declared.includes(error)) throw new Error(`${what}: ${answer.status} ${error} is not declared`)
}

function checkShape(ajv: Ajv2020, answer: Answer, pointer: string, what: string): void {
  if (!ajv.validate({ $ref: pointer }, answer.body)) throw new Error(`${what}: ${ajv.errorsText()} in ${answer.text.slice(0, 500)}`)
}

function toPointer({ method, path }: (typeof routes)[number], status: number, media: string): string {
  const parts = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', media, 'schema']
  return `api#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`
}
