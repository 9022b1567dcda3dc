import { expect, test } from 'vitest'
import { startChild } from './testing/child.ts'
import { temporaryDirectory } from './testing/samples.ts'

// Only Linux lets a process mount a disk of its own.
test.runIf(process.platform === 'linux')(
  'on a full disk nothing is lost: the reserve is used, the rest waits until there is room',
  async () => {
    using directory = temporaryDirectory()
    const onSmallDisk = [
      'unshare',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs -o size=12m tmpfs "$0" && exec "$@"',
      directory.path,
    ]
    await using child = startChild('full-disk.ts', [directory.path], onSmallDisk)
    const output: string[] = []
    for await (const line of child.lines) output.push(line)
    await child.closed
    const report = JSON.parse(output.join('\n')) as { written: number }
    expect(report).toEqual({
      ballastAtFirst: true,
      ballastWhenFull: false,
      written: expect.any(Number),
      stuck: true,
      readable: true,
      gapless: true,
      failures: ['database or disk is full', null],
      writable: true,
      ballastAtLast: true,
    })
    expect(report.written).toBeGreaterThan(1)
  },
)
