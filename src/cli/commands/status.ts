import { Command } from 'commander'
import type { Status } from '../../sdk/index.ts'
import { run, withCommonOptions } from '../run.ts'
import { columns, formatBytes } from '../units.ts'

export function statusCommand(): Command {
  return withCommonOptions(new Command('status').description('how the Processor and its world are'))
    .addHelpText('after', help)
    .action(async (_flags: unknown, command: Command) => {
      await run(command, async ({ client, signal, say, give }) => {
        const status = await client.status({ signal })
        give(status)
        for (const line of statusLines(status)) say(line)
      })
    })
}

const help = `
As the Processor sees it that is asked: who is up, whether enough of the group agree (a quorum), what
its vault holds, and the faults that it has reported of others.

Examples:
  npx unosys status
  npx unosys --api http://127.0.0.1:7302 status --json | jq .group`

/** The status for people. */
export function statusLines(status: Status): string[] {
  const { group, vault } = status
  const state = group.catchingUp ? 'catching up' : status.ready ? 'ready' : 'no quorum'
  const voice = status.role === 'member' && !group.votes ? '; votes again when readmitted' : ''
  const lines = [
    `Processor ${status.n} (${status.role}) of world ${status.world.slice(0, 16)}…: ${state}`,
    `  group   ${group.reachable} of ${group.members} members reachable, ${group.quorum} needed; height ${group.height}, view ${group.view}${voice}`,
    `  log     kept from the checkpoint before height ${group.stableHeight} on; epoch ${group.epoch}`,
    `  vault   ${vault.blocks} blocks, ${formatBytes(vault.bytes)}; ${vault.awaited} awaited; checked to height ${vault.checkedHeight}`,
    `  kept    ${formatBytes(vault.freedBytes)} of blocks in the world that no file needs any more`,
    `  found   ${vault.nameChanged} names changed, ${vault.contentChanged} contents changed, ${vault.missing} blocks missing`,
    `  up      ${Math.round(status.uptimeMs / 1000)} s, version ${status.version}`,
    '',
  ]
  const rows = status.processors.map(({ n, role, up, self, faults }) => [
    String(n),
    role,
    self ? 'this one' : up ? 'up' : 'down',
    Object.entries(faults)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', '),
  ])
  return [...lines, ...columns([['Processor', 'Role', 'Link', 'Reported faults'], ...rows])]
}
