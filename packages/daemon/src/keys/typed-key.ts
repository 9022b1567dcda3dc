import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Writable, type Readable } from 'node:stream'

/** Characters after which nobody waits for the end of a line: no key is that long. */
const LIMIT = 64 * 1024

export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream
}

/**
 * One line of a pipe, or what a person types at a terminal, where it is asked for and not shown. Without what stands around it.
 * Null when the person does not want to.
 */
export async function readTypedKey(prompt: string, { input, output }: Terminal): Promise<string | null> {
  return input.isTTY === true ? askUnseen(prompt, { input, output }) : (await readLine(input)).trim()
}

async function readLine(input: Readable): Promise<string> {
  let text = ''
  for await (const chunk of input.setEncoding('utf8')) {
    text += String(chunk)
    const end = text.indexOf('\n')
    if (end >= 0) return text.slice(0, end)
    if (text.length > LIMIT) return text
  }
  return text
}

async function askUnseen(prompt: string, { input, output }: Terminal): Promise<string | null> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  // Not before the terminal has stopped to show what is typed.
  output.write(prompt)
  try {
    const typed = once(lines, 'line').then(([line]: unknown[]) => String(line).trim())
    // Ctrl-C and Ctrl-D.
    const ended = once(lines, 'close').then(() => null)
    return await Promise.race([typed, ended])
  } finally {
    lines.close()
    output.write('\n')
  }
}
