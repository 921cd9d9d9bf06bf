/** `host:port` as the transport port writes it; IPv6 hosts stand in brackets. */
const shape = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+):([0-9]{1,5})$/i
const portMax = 65_535

export type HostAndPort = { readonly host: string; readonly port: number }

/** Undefined for anything that is not exactly a host and a port: addresses come from peers. */
export function parseAddress(address: string): HostAndPort | undefined {
  const [, host, digits] = shape.exec(address) ?? []
  const port = Number(digits)
  if (host === undefined || !(port <= portMax)) return undefined
  return { host: host.replace(/^\[|\]$/g, ''), port }
}

export const formatAddress = ({ host, port }: HostAndPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** A peer's host without port; an IPv4 address in IPv6 clothes becomes plain IPv4. */
export const plainHost = (host: string | undefined): string =>
  (host ?? '').replace(/^::ffff:(?=[0-9.]+$)/i, '')
