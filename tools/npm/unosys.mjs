#!/usr/bin/env node
/** The `unosys` command (`npx unosys …`): the command line under the pinned Node. */
import { launch } from './launch.mjs'

await launch('src/cli/main.ts', process.argv.slice(2))
