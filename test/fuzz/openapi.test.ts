import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCampaign, type Campaign } from './openapi/campaign.ts'
import { openGround, type Ground } from './openapi/ground.ts'

/** The short form of `npm run fuzz`: whatever the document allows or forbids, each answer is one that it declares, and none is a 5xx. */
let ground: Ground
let campaign: Campaign
beforeAll(async () => {
  ground = await openGround()
  const { daemon, workspace } = ground
  campaign = await runCampaign({ client: daemon.client, workspace, requests: 2_000, seed: 7 })
}, 180_000)
afterAll(() => ground[Symbol.asyncDispose]())

test('every answer to 2,000 random requests is one that the OpenAPI document declares', () => {
  expect(campaign.faults).toEqual([])
  expect(campaign.sent).toBeGreaterThan(1_900)
})

test('every operation was reached, the trial of a real agent aside', () => {
  expect(campaign.unreached.filter((operation) => operation !== 'verifyRuntime')).toEqual([])
})

test('the daemon is the same afterwards, and has nothing to complain about', async () => {
  const { daemon } = ground
  expect((await daemon.client.get('/readyz')).status).toBe(200)
  expect(daemon.child.exitCode).toBeNull()
  expect(daemon.stderr()).not.toMatch(/"level":"(?:error|fatal)"|"stack"/)
})
