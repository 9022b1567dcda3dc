import { stat } from 'node:fs/promises'

/** Whether one of these files is there; their content is not looked at. */
export async function anyExists(files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    files.map((file) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}
