/* oxlint-disable unicorn/prefer-add-event-listener, unicorn/no-useless-spread -- a port starts by its onmessage */
// What a page can do to a server that it may not talk to. Each attack returns what it has learned, as text: '' is nothing.

/** Where something is: by the address of the server, or by another name for the same. */
const at = ({ prize, args, mark }, path) => {
  const url = new URL(prize.url)
  if (args.host !== undefined) url.host = `${args.host}:${url.port}`
  return `${url.origin}${prize.paths[path]}?mark=${mark}`
}

const approval = ({ prize }) => JSON.stringify(prize.approval)
/** What this server alone has to give. */
const ownLoot = ({ prize }) => `crown-jewels-${prize.name}`
/** Scripts of the server leave it in a set of the page, where those of other servers leave theirs. */
const leaked = (raid) => (globalThis.leaks?.delete(ownLoot(raid)) ? ownLoot(raid) : '')

const soon = () => new Promise((resolve) => setTimeout(resolve, 50))

/** Puts an element into the page; resolves with the name of the event that says how it went. */
function element(scratch, name, attributes, parent = scratch) {
  const node =
    name === 'image' || name === 'use' ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name)
  const { promise, resolve } = Promise.withResolvers()
  for (const event of ['load', 'error', 'loadedmetadata']) node.addEventListener(event, () => resolve({ event, node }))
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value)
  parent.append(node)
  // An object is loaded when it is laid out, and a page that nobody looks at may not be for long.
  if (name === 'object') node.getBoundingClientRect()
  return promise
}

/**
 * What a document says to whoever holds it. It may speak as soon as the server has heard of it; how long that takes is known only where
 * it will speak, and elsewhere nothing would ever come.
 */
async function spoken({ heard, prize }, show, source = () => null) {
  const { promise, resolve } = Promise.withResolvers()
  const hear = (event) => {
    if (event.source === source() || event.origin === prize.url) resolve(String(event.data))
  }
  addEventListener('message', hear)
  await show()
  await heard()
  const said = await Promise.race([promise, new Promise((over) => setTimeout(over, prize.patienceMs, ''))])
  removeEventListener('message', hear)
  return said
}

/** Resolves when a window of this page's own origin shows a document. */
async function shown(popup) {
  while (popup.location.href === 'about:blank' || popup.document.readyState !== 'complete') await soon()
}

const detours = {
  direct: (_home, url) => url,
  redirect: (home, url) => `${home}/redirect?to=${encodeURIComponent(url)}`,
  refresh: (home, url) => `${home}/refresh?to=${encodeURIComponent(url)}`,
}
const detour = ({ args, home }, url) => detours[args.via ?? 'direct'](home, url)

/** Runs in workers too, as text. */
const looting = `async (how, url) => {
  if (how === 'importScripts') { importScripts(url); return [...(self.leaks ?? [])].join() }
  return (await fetch(url)).text()
}`

export const attacks = {
  /** `fetch` with any settings. The body of the approval goes along where there is a method for it. */
  async fetch(raid) {
    const { path = 'json', init = {}, typeless = false, via } = raid.args
    const method = init.method ?? 'GET'
    const body = method === 'GET' || method === 'DELETE' ? undefined : typeless ? new Blob([approval(raid)]) : approval(raid)
    const url = via === undefined ? at(raid, path) : detour(raid, at(raid, path))
    const answer = await fetch(url, { ...init, ...(body === undefined ? {} : { body }) })
    return answer.text()
  },

  xhr(raid) {
    const { path = 'json', method = 'GET', type, sync = false } = raid.args
    const request = new XMLHttpRequest()
    request.open(method, at(raid, path), !sync)
    request.withCredentials = !sync
    if (type !== undefined) request.setRequestHeader('content-type', type)
    const { promise, resolve } = Promise.withResolvers()
    request.addEventListener('loadend', () => resolve(request.responseText))
    request.send(method === 'GET' ? null : approval(raid))
    return sync ? Promise.resolve(request.responseText) : promise
  },

  async beacon(raid) {
    navigator.sendBeacon(at(raid, 'approve'), approval(raid))
    return ''
  },

  eventSource(raid) {
    const { promise, resolve } = Promise.withResolvers()
    const source = new EventSource(at(raid, 'stream'), { withCredentials: raid.args.credentials ?? false })
    source.addEventListener('message', (event) => resolve(event.data))
    source.addEventListener('ready', (event) => resolve(event.data))
    source.addEventListener('error', () => resolve(''))
    return promise.finally(() => source.close())
  },

  socket(raid) {
    const { promise, resolve } = Promise.withResolvers()
    const socket = new WebSocket(at(raid, 'stream').replace('http', 'ws'))
    socket.addEventListener('message', (event) => resolve(event.data))
    socket.addEventListener('close', () => resolve(''))
    return promise.finally(() => socket.close())
  },

  /** An element that asks for something and shows nothing of it. */
  async embed(raid) {
    const { tag, attribute, path = 'json', inside, more = {} } = raid.args
    const parent = inside === undefined ? raid.scratch : raid.scratch.appendChild(insideOf(inside))
    void element(raid.scratch, tag, { ...more, [attribute]: at(raid, path) }, parent)
    return ''
  },

  /** A style sheet of the page that asks for something. */
  async styleAsks(raid) {
    const style = raid.scratch.appendChild(document.createElement('style'))
    const name = `own-${raid.prize.name}`
    style.textContent = raid.args.css.replaceAll('NAME', name).replace('URL', at(raid, 'json'))
    raid.scratch.append(Object.assign(document.createElement('i'), { className: name, textContent: 'text' }))
    return ''
  },

  async script(raid) {
    leaked(raid)
    await element(raid.scratch, 'script', { ...raid.args.more, src: at(raid, 'script') })
    return leaked(raid)
  },

  async importModule(raid) {
    leaked(raid)
    const loaded = raid.args.json ? await import(at(raid, 'data'), { with: { type: 'json' } }) : await import(at(raid, 'script'))
    return loaded.default?.leak ?? leaked(raid)
  },

  async styleSheet(raid) {
    const sheet = at(raid, 'style')
    if (raid.args.imported) {
      const style = document.createElement('style')
      style.textContent = `@import url(${JSON.stringify(sheet)});`
      const loaded = new Promise((resolve) => ['load', 'error'].forEach((event) => style.addEventListener(event, resolve)))
      raid.scratch.append(style)
      await loaded
    } else await element(raid.scratch, 'link', { rel: 'stylesheet', href: sheet })
    return getComputedStyle(document.documentElement).getPropertyValue(`--${ownLoot(raid)}`)
  },

  async image(raid) {
    const { crossOrigin, pixels = false } = raid.args
    const { node } = await element(raid.scratch, 'img', {
      ...(crossOrigin === undefined ? {} : { crossorigin: crossOrigin }),
      src: at(raid, 'image'),
    })
    if (!pixels) return node.naturalWidth === 7 ? 'its size' : ''
    const context = document.createElement('canvas').getContext('2d')
    context.drawImage(node, 0, 0)
    return String(context.getImageData(0, 0, 1, 1).data) === '0,0,0,0' ? '' : 'its pixels'
  },

  async worker(raid) {
    const { how, shared = false } = raid.args
    const reply = shared ? 'onconnect = ({ ports: [port] }) => port.onmessage = answer(port)' : 'onmessage = answer(self)'
    const code = `const loot = ${looting}
      const answer = (port) => ({ data: [how, url] }) => loot(how, url).then((text) => port.postMessage(text), () => port.postMessage(''))
      ${reply}`
    const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
    const port = shared ? new SharedWorker(url).port : new Worker(url)
    const { promise, resolve } = Promise.withResolvers()
    port.onmessage = ({ data }) => resolve(data)
    port.postMessage([how, at(raid, how === 'importScripts' ? 'script' : 'json')])
    return promise.finally(() => (shared ? port.close() : port.terminate()))
  },

  /** A worker of the page's own origin that sees and makes requests even when the page is gone. */
  async serviceWorker(raid) {
    const registration = await navigator.serviceWorker.register('/service-worker.js')
    await navigator.serviceWorker.ready
    const { port1, port2 } = new MessageChannel()
    const { promise, resolve } = Promise.withResolvers()
    port1.onmessage = ({ data }) => resolve(data)
    registration.active.postMessage(at(raid, 'json'), [port2])
    return promise
  },

  /** A document of the server inside of this page. */
  async frame(raid) {
    const { tag = 'iframe', more = {} } = raid.args
    const attribute = tag === 'object' ? 'data' : 'src'
    const own = { ...more, 'data-of': raid.prize.name }
    const show = async () => void element(raid.scratch, tag, { ...own, [attribute]: detour(raid, at(raid, 'page')) })
    return spoken(raid, show, () => raid.scratch.querySelector(`[data-of=${raid.prize.name}]`).contentWindow)
  },

  async popup(raid) {
    let popup
    const show = async () => {
      popup = open(detour(raid, at(raid, 'page')), '_blank')
      if (popup === null) throw new Error('no window was opened')
    }
    const said = await spoken(raid, show, () => popup)
    popup.close()
    return said
  },

  /** A form that sends itself. In `text/plain` its one field spells the whole approval. */
  async form(raid) {
    const { enctype, method = 'post', path = 'approve', target = 'frame', fields = {} } = raid.args
    const name = `target-${raid.prize.name}`
    if (target === 'frame') raid.scratch.append(Object.assign(document.createElement('iframe'), { name }))
    const form = raid.scratch.appendChild(document.createElement('form'))
    Object.assign(form, { action: at(raid, path), method, target: name, ...(enctype === undefined ? {} : { enctype }) })
    const spelled = { [`${approval(raid).slice(0, -1)},"ignored":"`]: '"}' }
    const filled = enctype === 'text/plain' ? spelled : { ...raid.prize.approval, ...fields, mark: decodeURIComponent(raid.mark) }
    for (const [field, value] of Object.entries(filled)) form.append(Object.assign(document.createElement('input'), { name: field, value }))
    const popup = target === 'frame' ? null : open('about:blank', name)
    form.submit()
    await raid.heard()
    popup?.close()
    return ''
  },

  async ping(raid) {
    const link = Object.assign(document.createElement('a'), { href: '#', ping: at(raid, 'approve') })
    raid.scratch.append(link)
    link.click()
    return ''
  },

  /** A page of ours that makes the browser itself send something: a report, a relative link. */
  async ownPage(raid) {
    const { name, path } = raid.args
    void element(raid.scratch, 'iframe', { src: `${raid.home}/${name}?to=${encodeURIComponent(at(raid, path))}` })
    return ''
  },

  /** Can the page tell what is there from what is not? */
  async oracle(raid) {
    const probe = probes[raid.args.probe]
    const there = await probe(raid, at(raid, raid.args.there))
    const missing = await probe(raid, at(raid, 'missingFile'))
    return there === missing ? '' : `${there} / ${missing}`
  },

  /** What only a page of the server's own origin can do. */
  async ownFrame(raid) {
    const { node } = await element(raid.scratch, 'iframe', { src: at(raid, 'json') })
    return node.contentDocument?.body?.textContent ?? ''
  },

  async ownPopup(raid) {
    const popup = open(at(raid, 'json'))
    await shown(popup)
    const text = popup.document?.body?.textContent ?? ''
    popup.close()
    return text
  },
}

function insideOf(name) {
  return name === 'svg' ? document.createElementNS('http://www.w3.org/2000/svg', 'svg') : document.createElement(name)
}

/** What the page sees of a request, as text. */
const probes = {
  async image(raid, url) {
    return (await element(raid.scratch, 'img', { src: url })).event
  },
  async script(raid, url) {
    return (await element(raid.scratch, 'script', { src: url })).event
  },
  async style(raid, url) {
    return (await element(raid.scratch, 'link', { rel: 'stylesheet', href: url })).event
  },
  async object(raid, url) {
    return (await element(raid.scratch, 'object', { data: url })).event
  },
}
