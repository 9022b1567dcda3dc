import type { Line } from '../lines.ts'

/** The lines one by one, however they came together. */
export async function* eachLine(lines: AsyncIterable<readonly Line[]>): AsyncGenerator<Line> {
  for await (const together of lines) yield* together
}
