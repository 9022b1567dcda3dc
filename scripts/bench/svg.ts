import { show } from './report.ts'
import type { Spread } from './statistics.ts'

export interface Line {
  readonly title: string
  /** What the x axis counts, on a logarithmic scale. */
  readonly x: string
  readonly unit: string
  readonly points: readonly { readonly x: number; readonly y: Spread }[]
}

export interface Bar {
  readonly name: string
  readonly value: Spread
  /** What is to be reached; the bar is drawn as a share of it, so that 1 is the goal. */
  readonly goal: number
  readonly least: boolean
}

const [width, height] = [640, 320]
const [left, right, top, bottom] = [70, 30, 40, 50]
/** Seen on light and dark pages alike. */
const [ink, mark, good, bad] = ['#7a7a7a', '#3a7bd5', '#3a9d5d', '#d0603a']

/** One line over sizes: the median of the runs as a point, least and most as the ends of a stroke. */
export function toLinePlot({ title, x, unit, points }: Line): string {
  const logs = points.map((point) => Math.log10(point.x))
  const [from, to] = [Math.min(...logs), Math.max(...logs)]
  const most = Math.max(...points.map(({ y }) => y.most)) * 1.15 || 1
  const atX = (value: number) => left + ((Math.log10(value) - from) / (to - from || 1)) * (width - left - right)
  const atY = (value: number) => height - bottom - (value / most) * (height - top - bottom)
  const path = points.map((point, at) => `${at === 0 ? 'M' : 'L'}${round(atX(point.x))} ${round(atY(point.y.median))}`).join(' ')
  const marks = points.flatMap((point) => [
    stroke(atX(point.x), atY(point.y.least), atX(point.x), atY(point.y.most), mark),
    `<circle cx="${round(atX(point.x))}" cy="${round(atY(point.y.median))}" r="4" fill="${mark}"/>`,
    text(atX(point.x), height - bottom + 18, point.x.toLocaleString('en-US'), 'middle'),
  ])
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    stroke(left, atY(most * share), width - right, atY(most * share), ink, 0.25),
    text(left - 8, atY(most * share) + 4, show(most * share), 'end'),
  ])
  return frame(height, [
    text(left, 22, `${title}, ${unit}`, 'start'),
    ...grid,
    `<path d="${path}" fill="none" stroke="${mark}" stroke-width="2"/>`,
    ...marks,
    text(width - right, height - 10, x, 'end'),
  ])
}

/** One bar for each row; the goal is the line they are held against. */
export function toBarPlot(title: string, bars: readonly Bar[]): string {
  const row = 26
  const [names, whole] = [250, top + bars.length * row + 20]
  const shares = bars.map(({ value, goal }) => ({ median: value.median / goal, least: value.least / goal, most: value.most / goal }))
  const most = Math.max(1.25, ...shares.map((share) => Math.min(3, share.most)))
  const atX = (share: number) => names + (Math.min(share, most) / most) * (width - names - right)
  const lines = bars.flatMap(({ name, least }, at) => {
    const share = shares[at] ?? { median: 0, least: 0, most: 0 }
    const y = top + at * row
    const reached = least ? share.median >= 1 : share.median <= 1
    return [
      text(names - 8, y + 15, name, 'end'),
      `<rect x="${names}" y="${y + 4}" width="${round(atX(share.median) - names)}" height="14" fill="${reached ? good : bad}"/>`,
      stroke(atX(share.least), y + 11, atX(share.most), y + 11, ink),
      text(atX(share.most) + 6, y + 15, least ? '≥' : '≤', 'start'),
    ]
  })
  return frame(whole, [
    text(20, 22, title, 'start'),
    ...lines,
    stroke(atX(1), top, atX(1), whole - 16, ink),
    text(atX(1), whole - 4, 'goal', 'middle'),
  ])
}

function frame(tall: number, parts: readonly string[]): string {
  const style = `font-family="system-ui, sans-serif" font-size="12"`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}" ${style}>\n${parts.join('\n')}\n</svg>\n`
}

function stroke(x1: number, y1: number, x2: number, y2: number, color: string, opacity = 1): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${color}" stroke-opacity="${opacity}"/>`
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${ink}">${safe}</text>`
}

const round = (value: number) => Number(value.toFixed(1))
