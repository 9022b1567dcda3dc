/** Why no connection came about, in words that agents and people know. `status` is that of the gateway's answer. */
export function toReason(error: Error, { host }: URL): { readonly status: number; readonly message: string } {
  const code = toCode(error)
  if (code === 'ETIMEDOUT') return { status: 504, message: `The endpoint ${host} cannot be reached: connect timeout (ETIMEDOUT).` }
  // Where the proxy is, is the machine's own affair.
  if (code === 'ERR_PROXY_TUNNEL')
    return { status: 502, message: `The endpoint ${host} cannot be reached: the proxy of this machine refused (${code}).` }
  if (isOfCertificate(code)) {
    const advice = 'set SSL_CERT_FILE for the daemon if the authority is your own'
    return { status: 502, message: `The endpoint ${host} cannot be reached: its certificate is not trusted (${code}); ${advice}.` }
  }
  return { status: 502, message: `The endpoint ${host} cannot be reached: ${code || error.message}.` }
}

function isOfCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ISSUER|ALTNAME/.test(code)
}

function toCode(error: Error): string {
  // Several addresses were tried.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { code } = first instanceof Error && 'code' in first ? first : { code: '' }
  return typeof code === 'string' ? code : ''
}
