/**
 * The entry of every npm script: `node tools/npm/run.mjs PROGRAM [ARGUMENTS…]`.
 *
 * Plain JavaScript without dependencies, because it runs on whatever Node the machine has, before
 * anything is installed. It installs the packages when they are missing or out of date, then runs
 * PROGRAM (a path from the project's folder) under the pinned Node 24.
 */
import { launch } from './launch.mjs'

const [program, ...args] = process.argv.slice(2)
if (program === undefined) {
  process.stderr.write('usage: node tools/npm/run.mjs PROGRAM [ARGUMENTS…]\n')
  process.exit(64)
}
await launch(program, args)
