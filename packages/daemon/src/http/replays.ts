import { replay, stepReplay, updateReplay } from '@codesdkd/protocol'
import { route } from './route.ts'

/** Of a session whose events come from a support bundle. */
export const replayRoutes = [
  route({
    method: 'GET',
    path: '/sessions/{session_id}/replay',
    operationId: 'getReplay',
    tag: 'sessions',
    verb: 'sessions:read',
    summary: 'How far the replay of a support bundle has come',
    description: 'Only `codesdkd replay` has such sessions; of others it is 404. The events themselves are in the log of the session.',
    errors: ['session_not_found', 'replay_not_found'],
    returns: replay,
    handle: ({ params, context }) => ({ value: context.sessions.replay(params.session_id) }),
  }),
  route({
    method: 'PATCH',
    path: '/sessions/{session_id}/replay',
    operationId: 'updateReplay',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Change the pace of a replay',
    description:
      'What is left out stays. `state: "stepping"` holds it, `"playing"` lets it go on; `speed` counts from the next event on. With `speed: null` the answer comes when ' +
      'everything is in the log. At the end it changes nothing, and that is no failure.',
    errors: ['session_not_found', 'replay_not_found'],
    body: updateReplay,
    returns: replay,
    handle: async ({ params, body, context }) => ({ value: await context.sessions.updateReplay(params.session_id, body) }),
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/replay/step',
    operationId: 'stepReplay',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Let the next events of a replay happen',
    description:
      'Now, whatever time there is between them; where the replay plays by itself, it goes on behind them. The answer comes when they are in the log. At the end nothing ' +
      'is left to happen, and that is no failure.',
    errors: ['session_not_found', 'replay_not_found'],
    body: stepReplay,
    returns: replay,
    handle: async ({ params, body, context }) => ({ value: await context.sessions.stepReplay(params.session_id, body) }),
  }),
]
