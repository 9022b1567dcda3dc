/** Whether a header `If-None-Match` names this ETag. */
export function isMatch(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
}
