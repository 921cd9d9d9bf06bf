// Goal: nobody in a Processor can change what the language provides, and programs do not notice.
// Method: scripts in processes and threads of their own that were started as a Processor is.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import vm from 'node:vm'

const file = new URL('./frozen-builtins.ts', import.meta.url)

/** What a script that is started under frozen built-ins prints, as JSON. */
async function answerOf(script: string): Promise<unknown> {
  const args = [`--import=${file.href}`, '--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 })
  return JSON.parse(stdout)
}

/** What a function of a script throws, or `nothing`. */
const helper = `
  const errorOf = (work) => { try { work(); return 'nothing' } catch (error) { return error.name } }
`

test('frozen: every built-in of this engine is in the list', async () => {
  const ofEngine = vm.runInContext(
    'Object.getOwnPropertyNames(globalThis).filter((name) => !Object.is(globalThis[name], globalThis))',
    vm.createContext(),
  ) as string[]
  // Plain values, and what is not the language's: Node has a console of its own.
  const others = ['Infinity', 'NaN', 'undefined', 'globalThis', 'console']
  const expected = [...ofEngine].filter((name) => !others.includes(name)).sort()
  const listed = await answerOf(`
    const { builtinNames } = await import(${JSON.stringify(file.href)})
    console.log(JSON.stringify([...builtinNames].filter((name) => name in globalThis).sort()))`)
  assert.deepEqual(listed, expected)
})

test('frozen: whatever a built-in leads to is frozen', async () => {
  const found = await answerOf(`
    const seen = new Map()
    const walk = (one, path) => {
      const isObject = (typeof one === 'object' && one !== null) || typeof one === 'function'
      if (!isObject || seen.has(one)) return
      seen.set(one, path)
      for (const key of Reflect.ownKeys(one)) {
        const { value, get, set } = Object.getOwnPropertyDescriptor(one, key)
        for (const next of [value, get, set]) walk(next, path + '.' + String(key))
      }
      walk(Object.getPrototypeOf(one), path + '.prototype of it')
    }
    const { builtinNames } = await import(${JSON.stringify(file.href)})
    for (const name of builtinNames) walk(globalThis[name], name)
    for (const one of [async () => {}, function* () {}, async function* () {}, [].keys(),
      new Map().keys(), new Set().keys(), 'x'[Symbol.iterator](), 'x'.matchAll(/x/g),
      [].keys().map(() => 1)])
      walk(Object.getPrototypeOf(one), 'hidden')
    const open = [...seen].filter(([one]) => !Object.isFrozen(one)).map(([, path]) => path)
    console.log(JSON.stringify({ count: seen.size, open }))`)
  const { count, open } = found as { count: number; open: string[] }
  assert.deepEqual(open, [])
  assert(count > 800, `${count} objects`)
})

test('frozen: changing a built-in fails, in the process and in its threads', async () => {
  const attempts = `${helper}
    const seen = [
      errorOf(() => { Array.prototype.push = () => 0 }),
      errorOf(() => { Object.prototype.polluted = 1 }),
      errorOf(() => { Object.prototype.toString = () => '' }),
      errorOf(() => { Error.prototype.name = 'x' }),
      errorOf(() => { Function.prototype.call = () => 0 }),
      errorOf(() => { Promise.prototype.then = () => 0 }),
      errorOf(() => { JSON.parse = () => 0 }),
      errorOf(() => { Object.defineProperty(Uint8Array.prototype, 'set', { value: 1 }) }),
    ]`
  const expected = Array.from({ length: 8 }, () => 'TypeError')
  assert.deepEqual(await answerOf(`${attempts}; console.log(JSON.stringify(seen))`), expected)
  const thread = `${attempts}; process.getBuiltinModule('worker_threads').parentPort.postMessage(seen)`
  const inThread = await answerOf(`
    import { Worker } from 'node:worker_threads'
    const source = 'data:text/javascript,' + encodeURIComponent(${JSON.stringify(thread)})
    new Worker(new URL(source)).on('message', (seen) => console.log(JSON.stringify(seen)))`)
  assert.deepEqual(inThread, expected)
})

test('frozen: objects may have properties of their own where built-ins have some', async () => {
  const seen = await answerOf(`${helper}
    const error = new Error('first')
    error.message = 'second'
    error.name = 'Mine'
    function Old() {}
    Old.prototype = Object.create(Error.prototype)
    Old.prototype.constructor = Old
    Old.prototype.toString = () => 'old'
    const plain = {}
    plain.toString = () => 'plain'
    plain.toString = () => 'again'
    const work = () => 0
    work.toString = () => 'work'
    class Grown extends Array { constructor() { super(); this.constructor = 1 } }
    const closed = Object.freeze({})
    console.log(JSON.stringify([
      String(error), Object.keys(error), String(new Old()), new Old().constructor === Old,
      String(plain), String(work), String({}), errorOf(() => { closed.toString = 1 }),
      Object.keys(plain),
    ]))`)
  assert.deepEqual(seen, [
    ...['Mine: second', ['name'], 'old', true, 'again', 'work', '[object Object]', 'TypeError'],
    ['toString'],
  ])
})

test('frozen: arrays keep the fast way, which accessors for `constructor` would cost', async () => {
  const seen = await answerOf(`
    const kinds = [Array, Promise, Uint8Array, RegExp].map(({ prototype }) =>
      'value' in Object.getOwnPropertyDescriptor(prototype, 'constructor'))
    console.log(JSON.stringify(kinds))`)
  assert.deepEqual(seen, [true, true, true, true])
})
