import { mintedToken, mintToken } from '@codesdkd/protocol'
import { rawRoute, route, type Route } from './route.ts'

/** Short-lived tokens: what a host gives a page that it serves. */
export const tokenRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/tokens',
    operationId: 'mintToken',
    tag: 'daemon',
    verb: 'tokens:mint',
    summary: 'Make a short-lived token with a part of your own rights',
    description:
      'For a browser page, say. It is sent as `Authorization: Bearer …`, in every mode of `--auth`, cannot mint, and is gone with the daemon, with its minter, or ' +
      'when it is revoked; event streams that it has opened end with it. At most 1,000 of one minter are live.',
    errors: ['session_not_found', 'too_many_tokens'],
    body: mintToken,
    status: 201,
    returns: mintedToken,
    handle({ body, exchange, context }) {
      for (const id of body.sessions ?? []) context.sessions.get(id)
      return { value: context.tokens.mint(exchange.principal, body) }
    },
  }),
  rawRoute({
    method: 'DELETE',
    path: '/tokens/{token_id}',
    operationId: 'revokeToken',
    tag: 'daemon',
    verb: 'tokens:mint',
    summary: 'Revoke a token that you have made',
    description: 'The owner of the daemon revokes anybody’s.',
    errors: ['token_not_found'],
    success: { status: 204, description: 'It is no longer taken, and its streams end', content: {} },
    handle({ params, exchange, context }) {
      context.tokens.revoke(params.token_id, exchange.principal)
      return { status: 204, headers: {}, body: null }
    },
  }),
]
