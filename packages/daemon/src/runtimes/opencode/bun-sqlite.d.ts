/** The part of Bun's own SQLite that is used inside OpenCode. */
declare module 'bun:sqlite' {
  export class Database implements Disposable {
    constructor(file: string)
    query(sql: string): { all(): readonly Readonly<Record<string, unknown>>[] }
    run(sql: string): void
    [Symbol.dispose](): void
  }
}
