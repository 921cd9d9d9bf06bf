import { Command } from 'commander'
import { worldPath } from '../paths.ts'
import { run, withCommonOptions } from '../run.ts'
import { parseCount, parseSize, printable } from '../units.ts'

type Flags = {
  readonly parents?: boolean
  readonly volume?: boolean
  readonly blockSize?: number
  readonly replicas?: number
}

export function mkdirCommand(): Command {
  return withCommonOptions(
    new Command('mkdir')
      .description('make directories')
      .argument('<paths...>', 'to be made')
      .option('-p, --parents', 'make missing ones on the way; one that is there is no error')
      .option('--volume', 'a volume: a directory under / that brings its own defaults')
      .option('--block-size <size>', 'default of files made in it, as 4K … 4M', parseSize)
      .option('--replicas <count>', 'default copies of each block', parseCount),
  )
    .addHelpText('after', help)
    .action(async (paths: string[], flags: Flags, command: Command) => {
      await run(command, async ({ client, signal, say, give, failed }) => {
        const { blockSize, replicas, parents = false, volume = false } = flags
        const options = {
          signal,
          ...(blockSize === undefined ? {} : { blockBytes: blockSize }),
          ...(replicas === undefined ? {} : { replicas }),
        }
        for (const path of paths.map(worldPath)) {
          try {
            const made = volume
              ? await client.makeVolume(path, options)
              : await client.mkdir(path, { ...options, parents })
            give(made)
            say(`made ${printable(made.path)}/`)
          } catch (error) {
            failed(error)
          }
        }
      })
    })
}

const help = `
Examples:
  npx unosys mkdir /public/photos
  npx unosys mkdir -p /public/a/b/c
  npx unosys mkdir --volume --replicas 4 --block-size 1M /films`
