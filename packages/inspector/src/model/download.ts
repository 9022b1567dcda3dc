/** Saves an answer as a file, under the name that the daemon gives it. A link could not bring the token along. */
export async function saveAnswer(answer: Response, fallback: string): Promise<void> {
  const name = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? fallback
  const url = URL.createObjectURL(await answer.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has the file only once it has begun to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
