import { execFileSync } from 'node:child_process'
import { chromium, type Browser } from 'playwright-core'

/** The Chromium of this machine, without a window. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium']).toString().trim()
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
}
