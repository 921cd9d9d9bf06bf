import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf, code, get, put, streamOf } from './local-files.ts'
import { type LocalWorld, localWorld } from './local-world.ts'

test('C14: volumes are made with defaults, listed, used and removed', async () => {
  const world = await localWorld(1)
  const { filesystem, context } = world
  const volume = await filesystem.makeVolume('/media', { blockBytes: 4_096 }, context())
  assert.equal(volume.kind, 'volume')
  assert.equal(volume.blockBytes, 4_096)
  await put(world, '/media/a', new Uint8Array(10_000))
  assert.equal((await filesystem.stat('/media/a', context())).blockBytes, 4_096)
  const listed = await filesystem.list('/', { countMax: 100 }, context())
  const kinds = Object.fromEntries(listed.entries.map(({ name, kind }) => [name, kind]))
  assert.deepEqual(kinds, { public: 'volume', home: 'volume', apps: 'volume', media: 'volume' })
  await assert.rejects(filesystem.remove('/media', {}, context()), code('filesystem/not-empty'))
  await filesystem.remove('/media/a', {}, context())
  await filesystem.remove('/media', {}, context())
  await assert.rejects(filesystem.stat('/media', context()), code('filesystem/not-found'))
  await assert.rejects(filesystem.makeVolume('/a/b', {}, context()), code('filesystem/bad-path'))
})

test('C15: directories are nested, renamed across, and refuse cycles', async () => {
  const world = await localWorld(2)
  const { filesystem, context } = world
  await filesystem.makeDirectory('/public/a/b/c', { parents: true }, context())
  await put(world, '/public/a/b/c/file', bytesOf('x'))
  await filesystem.makeDirectory('/public/z', {}, context())
  await filesystem.rename('/public/a/b', '/public/z/b2', {}, context())
  assert.equal((await get(world, '/public/z/b2/c/file')).toString(), 'x')
  await assert.rejects(filesystem.stat('/public/a/b', context()), code('filesystem/not-found'))
  const into = filesystem.rename('/public/z', '/public/z/b2/c/z', {}, context())
  await assert.rejects(into, code('filesystem/cycle'))
  const again = filesystem.makeDirectory('/public/z', {}, context())
  await assert.rejects(again, code('filesystem/exists'))
  const through = filesystem.stat('/public/z/b2/c/file/x', context())
  await assert.rejects(through, code('filesystem/wrong-kind'))
})

test('bad input: a removed directory with children is refused', async () => {
  const world = await localWorld(3)
  await put(world, '/public/d/f', bytesOf('1'), { parents: true })
  const removed = world.filesystem.remove('/public/d', {}, world.context())
  await assert.rejects(removed, code('filesystem/not-empty'))
  assert.equal((await get(world, '/public/d/f')).toString(), '1')
})

test('C16: write at an offset, append, truncate, holes and ends', async () => {
  const world = await localWorld(4)
  const { filesystem, context } = world
  await put(world, '/public/f', bytesOf('0123456789'), { blockBytes: 4_096 })
  await filesystem.patch('/public/f', streamOf(bytesOf('AB')), { at: 3 }, context())
  assert.equal((await get(world, '/public/f')).toString(), '012AB56789')
  await filesystem.patch('/public/f', streamOf(bytesOf('!')), { at: 'end' }, context())
  assert.equal((await get(world, '/public/f')).toString(), '012AB56789!')
  await filesystem.truncate('/public/f', 4, {}, context())
  await filesystem.truncate('/public/f', 8, {}, context())
  assert.equal((await get(world, '/public/f')).toString(), '012A\0\0\0\0')
  await filesystem.patch('/public/f', streamOf(bytesOf('Z')), { at: 9_000 }, context())
  const all = await get(world, '/public/f')
  assert.equal(all.length, 9_001)
  assert.equal(
    all.subarray(8, 9_000).every((byte) => byte === 0),
    true,
  )
  assert.equal(all.at(-1), 'Z'.charCodeAt(0))
  assert.equal((await get(world, '/public/f', { start: 8_999, end: 9_001 })).toString(), '\0Z')
})

test('a sparse 1 TB file: a byte at its end, zeros before, few blocks', async () => {
  const world = await localWorld(5)
  const { filesystem, context } = world
  await put(world, '/public/sparse', new Uint8Array(0))
  const before = world.counts.stored
  const size = 2 ** 40
  await filesystem.patch('/public/sparse', streamOf(bytesOf('end')), { at: size - 3 }, context())
  assert.equal((await filesystem.stat('/public/sparse', context())).size, size)
  assert.equal(
    (await get(world, '/public/sparse', { start: size - 5, end: size })).toString(),
    '\0\0end',
  )
  const middle = await get(world, '/public/sparse', { start: size / 2, end: size / 2 + 100_000 })
  assert.equal(
    middle.every((byte) => byte === 0),
    true,
  )
  // More changes than fit between two folds: the base tree has to carry it as well.
  for (let index = 0; index < 300; index++) {
    const at = index * 3_000_000_000
    await filesystem.patch('/public/sparse', streamOf(bytesOf(`#${index}`)), { at }, context())
  }
  for (const index of [0, 1, 150, 299]) {
    const at = index * 3_000_000_000
    const text = (await get(world, '/public/sparse', { start: at, end: at + 4 })).toString()
    assert.equal(text.replaceAll('\0', ''), `#${index}`)
  }
  assert.equal(
    (await get(world, '/public/sparse', { start: size - 3, end: size })).toString(),
    'end',
  )
  assert(world.counts.stored - before < 2_000, `${world.counts.stored - before} blocks`)
})

test('C22: files with blocks of 4 KiB, 64 KiB and 1 MiB side by side', async () => {
  const world = await localWorld(6)
  const content = new Uint8Array(3_000_000).map((_, index) => index * 7)
  for (const blockBytes of [4_096, 65_536, 2 ** 20]) {
    const path = `/public/b${blockBytes}`
    await put(world, path, content, { blockBytes })
    const { blockCount } = await world.filesystem.blockMap(
      path,
      { fromBlock: 0, countMax: 4_096 },
      world.context(),
    )
    assert.equal(blockCount, Math.ceil(content.length / blockBytes))
    assert.deepEqual(await get(world, path), Buffer.from(content))
  }
  for (const blockBytes of [2_048, 5_000, 2 ** 23]) {
    await assert.rejects(
      put(world, '/public/x', content, { blockBytes }),
      code('filesystem/bad-argument'),
    )
  }
  await assert.rejects(
    put(world, '/public/x', content, { replicas: 2 }),
    code('filesystem/bad-argument'),
  )
  await assert.rejects(
    put(world, '/public/x', content, { replicas: 0 }),
    code('filesystem/bad-argument'),
  )
})

test('a file larger than one operation may name is staged on its way', async () => {
  const world = await localWorld(7)
  const content = new Uint8Array(4_096 * 5_000 + 17).map((_, index) => index >> 8)
  await put(world, '/public/large', content, { blockBytes: 4_096 })
  assert.deepEqual(await get(world, '/public/large'), Buffer.from(content))
  await put(world, '/public/large', content.subarray(0, 4_096 * 4_500), {})
  assert.equal((await get(world, '/public/large')).length, 4_096 * 4_500)
})

test('bad input: a stream that breaks leaves no file, nor a changed one', async () => {
  const world = await localWorld(8)
  const { filesystem, context } = world
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(200_000)
    throw new Error('the client is gone')
  }
  await assert.rejects(filesystem.write('/public/n', broken(), {}, context()), /the client is gone/)
  await assert.rejects(filesystem.stat('/public/n', context()), code('filesystem/not-found'))
  await put(world, '/public/o', bytesOf('old'))
  await assert.rejects(filesystem.write('/public/o', broken(), {}, context()), /the client is gone/)
  assert.equal((await get(world, '/public/o')).toString(), 'old')
  const short = filesystem.write(
    '/public/o',
    streamOf(bytesOf('ab')),
    { expectedBytes: 3 },
    context(),
  )
  await assert.rejects(short, code('filesystem/wrong-length'))
  assert.equal((await get(world, '/public/o')).toString(), 'old')
})

test('bad input: a file replaced while it is read is read to its end as it was', async () => {
  const world = await localWorld(9)
  const old = new Uint8Array(10 * 65_536).fill(1)
  await put(world, '/public/f', old)
  const { stream } = await world.filesystem.read('/public/f', {}, world.context())
  let length = 0
  for await (const chunk of stream) {
    if (length === 0) await put(world, '/public/f', new Uint8Array(20 * 65_536).fill(2))
    assert.equal(
      chunk.every((byte) => byte === 1),
      true,
    )
    length += chunk.length
  }
  assert.equal(length, old.length)
  assert.equal((await get(world, '/public/f'))[0], 2)
})

test('bad input: two writers of one file: one content wins whole, both succeed', async () => {
  const world = await localWorld(10)
  const contents = [1, 2, 3, 4].map((fill) => new Uint8Array(150_000 + fill).fill(fill))
  await Promise.all(contents.map((content) => put(world, '/public/two', content)))
  const got = await get(world, '/public/two')
  assert(contents.some((content) => Buffer.compare(got, Buffer.from(content)) === 0))
  await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      world.filesystem.patch(
        '/public/two',
        streamOf(bytesOf(String.fromCharCode(97 + index))),
        { at: 'end' },
        world.context(),
      ),
    ),
  )
  const tail = (await get(world, '/public/two')).subarray(got.length).toString()
  assert.equal([...tail].sort().join(''), 'abcdefghijkl', 'each append is there once')
})

test('C16 C25: writers side by side in one block, and whoever cuts there, undo nobody', async () => {
  const world = await localWorld(14)
  const { filesystem, context } = world
  const place = '/public/cells'
  await put(world, place, bytesOf('.'.repeat(12)), { blockBytes: 4_096 })
  const patchAt = (at: number): Promise<unknown> =>
    filesystem.patch(place, streamOf(bytesOf(String(at))), { at }, context())
  await Promise.all([0, 3, 6, 9].map(patchAt))
  assert.equal((await get(world, place)).toString(), '0..3..6..9..')
  // Whichever of the two is done first, a little earlier or later.
  for (let turns = 0; turns < 60; turns += 3) {
    await put(world, place, bytesOf('.'.repeat(12)), { blockBytes: 4_096 })
    const later = async (work: () => Promise<unknown>): Promise<void> => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await work()
    }
    const cutAt = (size: number): Promise<unknown> =>
      filesystem.truncate(place, size, {}, context())
    await Promise.all([later(() => patchAt(1)), cutAt(8), patchAt(4)])
    assert.equal((await get(world, place)).toString(), '.1..4...', `${turns} turns`)
    await Promise.all([later(() => cutAt(6)), patchAt(3)])
    assert.equal((await get(world, place)).toString(), '.1.34.', `${turns} turns`)
  }
})

test('C15 C25: of two renames of a name to another one is done, and the other told that it is gone', async () => {
  const world = await localWorld(15)
  const { filesystem, context, group } = world
  const { read } = group
  // The other one comes before the first look of this one, the second, and so on.
  for (let look = 1; look <= 6; look++) {
    const [from, to] = [`/public/from-${look}`, `/public/to-${look}`]
    await put(world, from, bytesOf('x'))
    const rename = async (): Promise<string> => {
      const [end] = await Promise.allSettled([filesystem.rename(from, to, {}, context())])
      return end.status === 'rejected' ? end.reason.code : 'done'
    }
    let looks = 0
    let other = ''
    group.read = async (...asked) => {
      looks++
      if (looks === look) other = await rename()
      return read.apply(group, asked)
    }
    const own = await rename()
    group.read = read
    if (looks < look) break
    // At no moment both names were there.
    assert.deepEqual([own, other].sort(), ['done', 'filesystem/not-found'], `look ${look}`)
  }
})

test('many writers of one new file at once: each succeeds, one content stands whole', async () => {
  const world = await localWorld(12)
  const contents = Array.from({ length: 24 }, (_, index) => bytesOf(`content ${index}`))
  const etags = await Promise.all(contents.map((content) => put(world, '/public/new', content)))
  assert.equal(new Set(etags).size, contents.length)
  const got = await get(world, '/public/new')
  assert(contents.some((content) => Buffer.compare(got, content) === 0))
  assert.equal(world.counts.stored, contents.length, 'no content is stored twice')
})

test('directories that every world has are neither removed, renamed nor replaced', async () => {
  const { filesystem, context } = await localWorld(13)
  await filesystem.makeVolume('/other', {}, context())
  for (const path of ['/public', '/home', '/apps']) {
    for (const attempt of [
      filesystem.remove(path, {}, context()),
      filesystem.rename(path, '/elsewhere', {}, context()),
      filesystem.rename('/other', path, { replace: true }, context()),
    ]) {
      await assert.rejects(attempt, code('filesystem/denied'))
    }
    assert.equal((await filesystem.stat(path, context())).path, path)
  }
  await assert.rejects(filesystem.remove('/', {}, context()), code('filesystem/bad-path'))
})

test('a directory moved onto one with entries: the refusal names the one that has them', async () => {
  const world = await localWorld(14)
  const { filesystem, context } = world
  await filesystem.makeDirectory('/public/from', {}, context())
  await put(world, '/public/to/entry', bytesOf('x'), { parents: true })
  const moved = filesystem.rename('/public/from', '/public/to', { replace: true }, context())
  await assert.rejects(moved, /^FileError: \/public\/to is a directory with entries$/)
})

test('conditions hold for directories and volumes that are made', async () => {
  const { filesystem, context } = await localWorld(15)
  const refused = filesystem.makeVolume('/conditional', { ifMatch: '*' }, context())
  await assert.rejects(refused, code('filesystem/precondition'))
  const key = { idempotencyKey: 'volume' }
  const made = await filesystem.makeVolume('/conditional', { ifNoneMatch: '*' }, context(key))
  const again = await filesystem.makeVolume('/conditional', { ifNoneMatch: '*' }, context(key))
  assert.equal(again.id, made.id)
  const other = filesystem.makeVolume('/conditional', { ifNoneMatch: '*' }, context())
  await assert.rejects(other, code('filesystem/precondition'))
})

test('conditions: create only, change only what was seen', async () => {
  const world = await localWorld(11)
  const { filesystem, context } = world
  const first = await put(world, '/public/c', bytesOf('1'), { ifNoneMatch: '*' })
  const refused = put(world, '/public/c', bytesOf('2'), { ifNoneMatch: '*' })
  await assert.rejects(refused, code('filesystem/precondition'))
  const second = await put(world, '/public/c', bytesOf('2'), { ifMatch: [first] })
  assert.notEqual(second, first)
  const stale = put(world, '/public/c', bytesOf('3'), { ifMatch: [first] })
  await assert.rejects(stale, code('filesystem/precondition'))
  const removed = filesystem.remove('/public/c', { ifMatch: [first] }, context())
  await assert.rejects(removed, code('filesystem/precondition'))
  await filesystem.remove('/public/c', { ifMatch: [second] }, context())
  const racing = await Promise.allSettled(
    [1, 2, 3, 4].map((fill) =>
      put(world, '/public/race', bytesOf(String(fill)), { ifNoneMatch: '*' }),
    ),
  )
  assert.equal(racing.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('C15: a listing in pages shows each entry exactly once while others come and go', async () => {
  const world = await localWorld(13)
  const { filesystem, context } = world
  const stay = new Set<string>()
  for (let index = 0; index < 300; index++) {
    await put(world, `/public/l/stay${index}`, new Uint8Array(0), { parents: true })
    stay.add(`stay${index}`)
  }
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await filesystem.list(
      '/public/l',
      { countMax: 37, ...(cursor === undefined ? {} : { cursor }) },
      context(),
    )
    seen.push(...page.entries.map(({ name }) => name))
    cursor = page.cursor
    await put(world, `/public/l/new${seen.length}`, new Uint8Array(0))
  } while (cursor !== undefined)
  const stayed = seen.filter((name) => stay.has(name))
  assert.equal(stayed.length, stay.size)
  assert.equal(new Set(stayed).size, stay.size)
  const wrong = filesystem.list('/public/l', { countMax: 5, cursor: 'zz' }, context())
  await assert.rejects(wrong, code('filesystem/bad-argument'))
})

test('bad input: a file cannot grow beyond what its tree reaches', async () => {
  const world = await localWorld(15)
  const { filesystem, context } = world
  await put(world, '/public/g', bytesOf('x'), { blockBytes: 4_096 })
  const reach = 4_096 ** 4
  const grown = filesystem.truncate('/public/g', reach + 1, {}, context())
  await assert.rejects(grown, code('filesystem/too-large'))
  const written = filesystem.patch(
    '/public/g',
    streamOf(bytesOf('yz')),
    { at: reach - 1 },
    context(),
  )
  await assert.rejects(written, code('filesystem/too-large'))
  await filesystem.patch('/public/g', streamOf(bytesOf('y')), { at: reach - 1 }, context())
  assert.equal((await filesystem.stat('/public/g', context())).size, reach)
})

type Model = Map<string, Buffer>

const fileNames = fc.constantFrom('/public/a', '/public/b', '/public/c')
const sizes = fc.oneof(fc.nat(30), fc.nat(20_000), fc.constantFrom(4_096, 8_192, 12_288))
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('put' as const),
      path: fileNames,
      size: sizes,
      fill: fc.nat(255),
    }),
    fc.record({
      kind: fc.constant('patch' as const),
      path: fileNames,
      at: sizes,
      size: sizes,
      fill: fc.nat(255),
    }),
    fc.record({
      kind: fc.constant('append' as const),
      path: fileNames,
      size: sizes,
      fill: fc.nat(255),
    }),
    fc.record({ kind: fc.constant('truncate' as const), path: fileNames, size: sizes }),
    fc.record({ kind: fc.constant('rename' as const), path: fileNames, to: fileNames }),
    fc.record({ kind: fc.constant('remove' as const), path: fileNames }),
  ),
  { maxLength: 25 },
)

type Step = (typeof steps extends fc.Arbitrary<infer List> ? List : never) extends (infer One)[]
  ? One
  : never

async function apply(world: LocalWorld, model: Model, step: Step): Promise<void> {
  const { filesystem, context } = world
  const held = model.get(step.path)
  const expectMissing = async (work: Promise<unknown>): Promise<boolean> => {
    if (held !== undefined) {
      await work
      return false
    }
    await assert.rejects(work, code('filesystem/not-found'))
    return true
  }
  if (step.kind === 'put') {
    const content = Buffer.alloc(step.size, step.fill)
    const more = held === undefined ? { blockBytes: 4_096 } : {}
    await put(world, step.path, content, more)
    model.set(step.path, content)
  } else if (step.kind === 'patch' || step.kind === 'append') {
    const content = Buffer.alloc(step.size, step.fill)
    const at = step.kind === 'append' ? ('end' as const) : step.at
    const missing = await expectMissing(
      filesystem.patch(step.path, streamOf(content), { at }, context()),
    )
    if (missing || held === undefined || content.length === 0) return
    const start = at === 'end' ? held.length : at
    const next = Buffer.alloc(Math.max(held.length, start + content.length))
    held.copy(next)
    content.copy(next, start)
    model.set(step.path, next)
  } else if (step.kind === 'truncate') {
    if (await expectMissing(filesystem.truncate(step.path, step.size, {}, context()))) return
    const next = Buffer.alloc(step.size)
    held?.copy(next)
    model.set(step.path, next)
  } else if (step.kind === 'rename') {
    if (await expectMissing(filesystem.rename(step.path, step.to, { replace: true }, context())))
      return
    if (held === undefined) return
    model.delete(step.path)
    model.set(step.to, held)
  } else {
    if (!(await expectMissing(filesystem.remove(step.path, {}, context())))) model.delete(step.path)
  }
}

test('C17: any sequence of verbs gives what plain byte strings give', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await localWorld(20)
      const model: Model = new Map()
      for (const step of list) await apply(world, model, step)
      for (const [path, content] of model) {
        assert.deepEqual(await get(world, path), content, path)
      }
      const { entries } = await world.filesystem.list('/public', { countMax: 100 }, world.context())
      assert.deepEqual(entries.map(({ path }) => path).sort(), [...model.keys()].sort())
    }),
    { numRuns: 60 },
  )
})
