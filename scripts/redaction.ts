// How well secrets are found: `npm run redaction -- [seed]`. Recall by encoding, false positives, and whether the time grows with the size alone.
import { performance } from 'node:perf_hooks'
import { check } from 'recheck'
import { createRedactor } from '../packages/daemon/src/core/redaction/redactor.ts'
import { assignment, credentialRules, prefixRules, secretName } from '../packages/daemon/src/core/redaction/secret-rules.ts'
import { encodings, isSeen } from '../packages/daemon/src/core/redaction/testing/encodings.ts'
import { harmlessSamples, secretSamples, slowUnits } from '../packages/daemon/src/core/redaction/testing/secret-samples.ts'

const seed = process.argv[2] ?? String(Date.now())
const redactor = createRedactor({ known: [], key: Buffer.alloc(32, 1), identity: null })
const samples = secretSamples(seed)
console.log(`seed ${seed}: ${samples.length} kinds of secrets\n\n| encoding | found | missed |\n|---|---|---|`)
for (const [name, encode] of Object.entries(encodings)) {
  const missed = samples.filter(({ text, secret }) => isSeen(secret, redactor.text(encode(text))))
  console.log(`| ${name} | ${samples.length - missed.length} | ${missed.map(({ about }) => about).join(', ') || 'none'} |`)
}

const harmless = harmlessSamples()
const hit = harmless.filter((text) => redactor.text(text) !== text)
console.log(`\n${harmless.length} look-alikes, changed: ${hit.length === 0 ? 'none' : hit.join(', ')}\n`)

/** Best of three, in milliseconds. */
function time(text: string): number {
  const times = [1, 2, 3].map(() => {
    const start = performance.now()
    redactor.text(text)
    return performance.now() - start
  })
  return Math.min(...times)
}
const growth = slowUnits.map((unit) => {
  const [one = 1, two = 1] = [1e6, 2e6].map((size) => time(unit.repeat(size / unit.length)))
  return { unit, one, ratio: two / one }
})
const [slowest] = growth.toSorted((a, b) => b.one - a.one)
const [steepest] = growth.filter(({ one }) => one > 20).toSorted((a, b) => b.ratio - a.ratio)
console.log(`1 MB made to be slow: ${slowest?.one.toFixed(0)} ms at most (${JSON.stringify(slowest?.unit)})`)
console.log(`2 MB take ${steepest?.ratio.toFixed(2)} times as long at most (${JSON.stringify(steepest?.unit)}); linear is 2\n`)

console.log('| pattern | recheck | how it knows |\n|---|---|---|')
const patterns = [
  ...prefixRules,
  ...credentialRules,
  { name: 'assignment', pattern: assignment },
  { name: 'name of a secret', pattern: secretName },
]
for (const { name, pattern } of patterns) {
  const { status, checker } = await check(pattern.source, pattern.flags, { timeout: 60_000 })
  console.log(`| ${name} | ${status} | ${checker} |`)
}
process.exit(0)
