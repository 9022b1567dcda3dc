import { readFileSync } from 'node:fs'

/** Where the host has something mounted: a directory is shown with what is mounted below it. Empty where the system does not tell. */
export function readHostMounts(): readonly string[] {
  return readTable()
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((field) => field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
}

function readTable(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return ''
  }
}
