import { Command } from 'commander'
import type { FileInfo, UnosysClient } from '../../sdk/index.ts'
import { isFolder, worldPath } from '../paths.ts'
import { run, withCommonOptions } from '../run.ts'
import { columns, formatBlock, formatBytes, formatTime, printable } from '../units.ts'

type Flags = { readonly blocks?: boolean }

export function statCommand(): Command {
  return withCommonOptions(
    new Command('stat')
      .description('describe a file or directory')
      .argument('<paths...>', 'files or directories')
      .option('--blocks', 'and on which Processors the blocks of a file lie'),
  )
    .addHelpText('after', help)
    .action(async (paths: string[], flags: Flags, command: Command) => {
      await run(command, async ({ client, signal, say, give, failed }) => {
        for (const path of paths.map(worldPath)) {
          try {
            const info = await client.stat(path, { signal })
            const blocks = flags.blocks === true ? await blocksOf(client, path, signal) : undefined
            give(blocks === undefined ? info : { ...info, blocks })
            for (const line of statLines(info)) say(line)
            for (const { index, id, holders } of blocks ?? []) {
              say(`  block ${index}  ${id}  on ${holders.join(', ')}`)
            }
          } catch (error) {
            failed(error)
          }
        }
      })
    })
}

const help = `
Examples:
  npx unosys stat /public/README.md
  npx unosys stat --blocks /public/film.mp4
  npx unosys stat --json /public | jq .size`

type Blocks = Awaited<ReturnType<UnosysClient['blockMap']>>['blocks']

async function blocksOf(client: UnosysClient, path: string, signal: AbortSignal): Promise<Blocks> {
  const all: Blocks = []
  for (;;) {
    const page = await client.blockMap(path, { fromBlock: all.length, signal })
    all.push(...page.blocks)
    if (page.blocks.length === 0 || all.length >= page.blockCount) return all
  }
}

function statLines(info: FileInfo): string[] {
  const size = isFolder(info)
    ? `${info.size} entries`
    : `${info.size} bytes (${formatBytes(info.size)})`
  return [
    `${printable(info.path)}`,
    ...columns([
      ['  kind', info.kind],
      ['  size', size],
      ['  blocks', `${formatBlock(info.blockBytes)}, ${info.replicas} copies of each`],
      ['  created', formatTime(info.createdMs)],
      ['  changed', formatTime(info.modifiedMs)],
      ['  id', info.id],
      ['  etag', info.etag],
    ]),
  ]
}
