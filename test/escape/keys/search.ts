import type { Dirent } from 'node:fs'
import { open, readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { toForms, type Form } from './canary.ts'
import { readMemory } from './memory.ts'

export interface Sighting {
  /** Which of the texts, and in which form. */
  readonly what: string
  readonly form: string
  readonly where: string
  /** What stands around it, for whoever has to find out why. */
  readonly around: string
}

const PIECE = 16 * 1024 * 1024
const OVERLAP = 256
/** How a file in gzip's format begins. */
const gzip = Buffer.from([0x1f, 0x8b, 0x08])

/** What is looked for. */
export interface Wanted {
  /** How all marks begin. */
  readonly stem: string
  /** Found in every form. */
  readonly marks: Readonly<Record<string, string>>
  /** Found as they are. */
  readonly plain?: Readonly<Record<string, string>>
}

type Named = { readonly what: string; readonly form: Form }

/** Looks for some texts wherever it is told to, and remembers where they were. */
export class Search {
  readonly #stems: readonly Form[]
  readonly #marks: readonly Named[]
  readonly #plain: readonly Named[]
  readonly #sightings = new Map<string, Sighting>()
  /** Paths are shown from here. */
  readonly #base: string
  /** How much was looked through. */
  readonly looked = { files: 0, processes: 0, bytes: 0 }

  constructor(base: string, { stem, marks, plain = {} }: Wanted) {
    this.#base = base
    this.#stems = toForms(stem)
    this.#marks = Object.entries(marks).flatMap(([what, text]) => toForms(text).map((form) => ({ what, form })))
    this.#plain = Object.entries(plain).map(([what, text]) => ({ what, form: { name: 'plain', bytes: Buffer.from(text) } }))
  }

  sightings(what: string): readonly Sighting[] {
    return [...this.#sightings.values()].filter((sighting) => sighting.what === what)
  }

  text(where: string, content: string | Buffer): void {
    const bytes = Buffer.from(content)
    this.#look(where, bytes)
    if (bytes.subarray(0, gzip.length).equals(gzip)) this.#look(`${where}, unpacked`, gunzipSync(bytes))
  }

  /** Everything below a directory whose owners may be at work in it: names, contents, and where links lead. */
  async tree(directory: string, except: readonly string[] = []): Promise<void> {
    const entries = await readdir(directory, { withFileTypes: true }).catch((): Dirent[] => [])
    for (const entry of entries) {
      const path = join(directory, entry.name)
      if (except.includes(path)) continue
      this.#look('the name of a file', Buffer.from(path))
      if (entry.isDirectory()) await this.tree(path, except)
      else if (entry.isFile()) await this.#file(path)
      else if (entry.isSymbolicLink()) this.text(`link ${relative(this.#base, path)}`, await readlink(path).catch(() => ''))
    }
  }

  /** Command line and environment of a process; where `deep`, its memory and the files that it has open, removed ones too. */
  async process(pid: number, moment: string, deep: boolean): Promise<void> {
    const of = (file: string) => readFile(`/proc/${pid}/${file}`).catch(() => Buffer.alloc(0))
    const [command, environment] = await Promise.all([of('cmdline'), of('environ')])
    const [program = ''] = command.toString('latin1').split('\0')
    const who = `${program.split('/').at(-1)} while ${moment}`
    this.looked.processes += 1
    this.#look(`command line of ${who}`, command)
    this.#look(`environment of ${who}`, environment)
    if (!deep) return
    for await (const piece of readMemory(pid)) this.#look(`memory of ${who}`, piece)
    for (const file of await this.#openFiles(pid)) await this.#file(file, `file that ${who} has open`)
  }

  /** Those that are searched nowhere else: removed, or kept elsewhere. */
  async #openFiles(pid: number): Promise<readonly string[]> {
    const directory = `/proc/${pid}/fd`
    const links = (await readdir(directory).catch(() => [])).map((number) => join(directory, number))
    const checked = links.map(async (link) => {
      const target = await readlink(link).catch(() => '')
      const here = target.startsWith(`${this.#base}/`) && !target.endsWith(' (deleted)')
      return !here && (await stat(link).catch(() => null))?.isFile() === true ? [link] : []
    })
    return (await Promise.all(checked)).flat()
  }

  async #file(path: string, where = `file ${relative(this.#base, path)}`): Promise<void> {
    try {
      await using file = await open(path, 'r')
      this.looked.files += 1
      const buffer = Buffer.alloc(Math.min(PIECE, Math.max((await file.stat()).size, 1)))
      for (let at = 0; ; at += PIECE - OVERLAP) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
        const piece = buffer.subarray(0, bytesRead)
        if (at === 0 && bytesRead < PIECE) this.text(where, piece)
        else this.#look(where, piece)
        if (bytesRead < PIECE) return
      }
    } catch (error) {
      // Its owner took it away, or is gone itself.
      if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))) throw error
    }
  }

  #look(where: string, bytes: Buffer): void {
    this.looked.bytes += bytes.length
    for (const named of this.#plain) this.#see(where, bytes, named)
    for (const form of this.#stems) {
      if (!bytes.includes(form.bytes)) continue
      const seen = this.#marks.filter((named) => this.#see(where, bytes, named))
      // A piece of a secret is one too.
      if (seen.length === 0) this.#see(where, bytes, { what: 'key', form })
    }
  }

  #see(where: string, bytes: Buffer, { what, form }: Named): boolean {
    const at = bytes.indexOf(form.bytes)
    if (at === -1) return false
    const around = bytes.toString('latin1', Math.max(0, at - 60), at + form.bytes.length + 60).replace(/[^\x20-\x7e]/g, '.')
    const key = `${what} ${form.name} ${where}`
    if (!this.#sightings.has(key)) this.#sightings.set(key, { what, form: form.name, where, around })
    return true
  }
}
