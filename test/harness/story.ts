import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestFolder } from './workspace.ts'

/** What the story of `--offline` works on, beside the file that is there already. */
export async function writeStory({ workspace }: TestFolder): Promise<void> {
  await writeFile(join(workspace, 'package.json'), '{ "type": "module" }\n')
  await writeFile(join(workspace, 'check.js'), 'import { greet } from "./greet.js"; console.log(greet("Ada"))\n')
}
