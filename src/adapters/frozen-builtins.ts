/**
 * Freezes what the language itself provides, before anything else runs: no package that a Processor
 * loads, and no object from outside that finds a way to a prototype, can change what `push`, `then`
 * or `JSON.parse` mean for the rest. Loaded by Node's `--import`, so in every thread too.
 *
 * Node's own `--frozen-intrinsics` does the same, but makes `constructor` of all prototypes an
 * accessor, and V8 then takes the slow path for `map`, `slice`, spreads and awaiting: 20 to 60
 * times as long (docs/performance.md). Here only those prototypes get accessors that programs
 * commonly shadow by assignment: of objects, functions and errors.
 */

/** The globals of ECMAScript, and the engine's own, without those that are plain values. */
export const builtinNames: readonly string[] = [
  ...['AggregateError', 'Array', 'ArrayBuffer', 'AsyncDisposableStack', 'Atomics', 'BigInt'],
  ...['BigInt64Array', 'BigUint64Array', 'Boolean', 'DataView', 'Date', 'DisposableStack'],
  ...['Error', 'EvalError', 'FinalizationRegistry', 'Float16Array', 'Float32Array'],
  ...['Float64Array', 'Function', 'Int16Array', 'Int32Array', 'Int8Array', 'Intl', 'Iterator'],
  ...['JSON', 'Map', 'Math', 'Number', 'Object', 'Promise', 'Proxy', 'RangeError'],
  ...['ReferenceError', 'Reflect', 'RegExp', 'Set', 'SharedArrayBuffer', 'String'],
  ...['SuppressedError', 'Symbol', 'SyntaxError', 'TypeError', 'URIError', 'Uint16Array'],
  ...['Uint32Array', 'Uint8Array', 'Uint8ClampedArray', 'WeakMap', 'WeakRef', 'WeakSet'],
  ...['WebAssembly', 'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent'],
  ...['escape', 'eval', 'isFinite', 'isNaN', 'parseFloat', 'parseInt', 'unescape'],
]

type IteratorHelpers = {
  readonly from: (source: object) => { readonly map: (each: () => undefined) => object }
}
// The library's types do not know it yet.
const { Iterator: helpers } = globalThis as unknown as { readonly Iterator: IteratorHelpers }
const wrapped = helpers.from({ next: () => ({ done: true, value: undefined }) })

/** Built-in objects that no global leads to. */
const hidden: readonly object[] = [
  (function* generate() {})(),
  (async function* generate() {})(),
  [].values(),
  new Map().values(),
  new Set().values(),
  ''[Symbol.iterator](),
  ''.matchAll(/x/g),
  wrapped,
  wrapped.map(() => undefined),
  async () => undefined,
  function* generate() {},
  async function* generate() {},
].map((example) => Object.getPrototypeOf(example) as object)

/** All objects that one leads to, by properties, accessors and prototypes. */
function reach(roots: readonly unknown[]): Set<object> {
  const found = new Set<object>()
  const open = [...roots]
  while (open.length > 0) {
    const next = open.pop()
    const isObject = (typeof next === 'object' && next !== null) || typeof next === 'function'
    if (!isObject || found.has(next)) continue
    found.add(next)
    open.push(Object.getPrototypeOf(next))
    for (const key of Reflect.ownKeys(next)) {
      const property = Object.getOwnPropertyDescriptor(next, key)
      open.push(property?.value, property?.get, property?.set)
    }
  }
  return found
}

/**
 * Assigning to a property that a frozen prototype has fails on every object that inherits it, and
 * programs do assign: `error.message`, `Child.prototype.constructor`. With an accessor in its place
 * an assignment makes a property of the object's own, as if the prototype were not frozen; on the
 * prototype itself it fails.
 */
function letShadow(prototype: object, made: (accessor: object) => void): void {
  for (const key of Reflect.ownKeys(prototype)) {
    const property = Object.getOwnPropertyDescriptor(prototype, key)
    if (property === undefined || !property.configurable || !('value' in property)) continue
    const { value } = property
    const accessors = {
      get: () => value as unknown,
      set(this: object, shadow: unknown) {
        if (this === prototype) throw new TypeError(`'${String(key)}' of a built-in is frozen`)
        const own = { value: shadow, writable: true, enumerable: true, configurable: true }
        if (Object.hasOwn(this, key)) Reflect.set(this, key, shadow)
        else Object.defineProperty(this, key, own)
      },
    }
    made(accessors.get)
    made(accessors.set)
    Object.defineProperty(prototype, key, {
      ...accessors,
      enumerable: property.enumerable ?? false,
    })
  }
}

/** A second call changes nothing. Names stay free: what `Date` leads to may be another one. */
export function freezeBuiltins(): void {
  const names = builtinNames.filter((name) => name in globalThis)
  const globals = names.map((name) => (globalThis as Record<string, unknown>)[name])
  const all = reach([...globals, ...hidden])
  const shadowed = [...all].filter(
    (one) => one === Object.prototype || one === Function.prototype || isErrorPrototype(one),
  )
  for (const prototype of shadowed) letShadow(prototype, (accessor) => all.add(accessor))
  for (const one of all) Object.freeze(one)
}

const isErrorPrototype = (one: object): boolean =>
  one === Error.prototype || Object.getPrototypeOf(one) === Error.prototype

freezeBuiltins()
