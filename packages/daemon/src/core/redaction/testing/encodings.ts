/** How a text stands in other texts. */
export const encodings = {
  plain: (text: string) => text,
  json: (text: string) => JSON.stringify({ output: text }),
  'json in json': (text: string) => JSON.stringify({ line: JSON.stringify({ output: text }) }),
  url: (text: string) => `q=${encodeURIComponent(text)}`,
}

/** Any seven letters or digits of it in a row give a secret away. */
export function isSeen(secret: string, text: string): boolean {
  const runs = secret.match(/[A-Za-z0-9]{7,}/g) ?? []
  return runs.some((run) => Array.from({ length: run.length - 6 }, (_, at) => run.slice(at, at + 7)).some((part) => text.includes(part)))
}
