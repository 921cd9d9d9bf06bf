/** Which sockets a process has open, from the kernel's own tables. Linux only. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

export type Socket = {
  readonly protocol: 'tcp' | 'udp'
  readonly state: 'listening' | 'connected' | 'other'
  /** `127.0.0.1:80` or hexadecimal for IPv6. */
  readonly local: string
  readonly remote: string
}

export const socketsAreShown: boolean = existsSync('/proc/net/tcp')

const listening = '0A'
const established = '01'

function addressOf(text: string): string {
  const [host = '', port = ''] = text.split(':')
  const number = Number.parseInt(port, 16)
  if (host.length !== 8) return `[${host}]:${number}`
  // Four bytes in the order of a little-endian machine.
  const bytes = [6, 4, 2, 0].map((at) => Number.parseInt(host.slice(at, at + 2), 16))
  return `${bytes.join('.')}:${number}`
}

function tableOf(protocol: 'tcp' | 'udp', file: string): [string, Socket][] {
  if (!existsSync(file)) return []
  const [, ...lines] = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const named = state === listening ? 'listening' : state === established ? 'connected' : 'other'
    return [inode, { protocol, state: named, local: addressOf(local), remote: addressOf(remote) }]
  })
}

/** The network sockets of a process of this machine. */
export function socketsOf(pid: number): Socket[] {
  const table = new Map([
    ...tableOf('tcp', '/proc/net/tcp'),
    ...tableOf('tcp', '/proc/net/tcp6'),
    ...tableOf('udp', '/proc/net/udp'),
    ...tableOf('udp', '/proc/net/udp6'),
  ])
  const found: Socket[] = []
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
    const socket = inode === undefined ? undefined : table.get(inode)
    if (socket !== undefined) found.push(socket)
  }
  return found
}

/** A descriptor may be closed between the listing and the look. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
