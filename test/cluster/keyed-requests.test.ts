/** Goal: a request under an Idempotency-Key is done once and told of what it made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, code, get, put, streamOf } from './local-files.ts'
import { localWorld } from './local-world.ts'

test('an Idempotency-Key makes every verb safe to repeat', async () => {
  const world = await localWorld(12)
  const { filesystem, context } = world
  const keyed = (idempotencyKey: string) => context({ idempotencyKey })
  for (let round = 0; round < 2; round++) {
    await filesystem.makeDirectory('/public/i', {}, keyed('mk'))
    await filesystem.write('/public/i/f', streamOf(bytesOf('ab')), {}, keyed('put'))
    await filesystem.patch('/public/i/f', streamOf(bytesOf('c')), { at: 'end' }, keyed('app'))
  }
  assert.equal((await get(world, '/public/i/f')).toString(), 'abc')
  for (let round = 0; round < 2; round++) {
    const moved = await filesystem.rename('/public/i/f', '/public/i/g', {}, keyed('mv'))
    assert.equal(moved.path, '/public/i/g')
  }
  for (let round = 0; round < 2; round++) await filesystem.remove('/public/i/g', {}, keyed('rm'))
  const unkeyed = filesystem.remove('/public/i/g', {}, context())
  await assert.rejects(unkeyed, code('filesystem/not-found'))
  const again = filesystem.makeDirectory('/public/i', {}, keyed('other'))
  await assert.rejects(again, code('filesystem/exists'))
})

test('an Idempotency-Key that was used is refused for any other request, which changes nothing', async () => {
  const world = await localWorld(16)
  const { filesystem, context } = world
  const keyed = context({ idempotencyKey: 'used' })
  const put = (path: string, body: string, more: Parameters<typeof filesystem.write>[2] = {}) =>
    filesystem.write(path, streamOf(bytesOf(body)), more, keyed)
  const first = await put('/public/u', 'first')
  const others: Record<string, () => Promise<unknown>> = {
    'another body': () => put('/public/u', 'other'),
    'a body that begins alike': () => put('/public/u', 'first and more'),
    'no body': () => put('/public/u', ''),
    'another path': () => put('/public/other', 'first'),
    'a path with parents': () => put('/public/new/other', 'first', { parents: true }),
    'another parameter': () => put('/public/u', 'first', { blockBytes: 65_536 }),
    'another condition': () => put('/public/u', 'first', { ifMatch: '*' }),
    'a condition that fails': () => put('/public/u', 'other', { ifNoneMatch: '*' }),
    'the same bytes by another verb': () =>
      filesystem.patch('/public/u', streamOf(bytesOf('first')), { at: 0 }, keyed),
    truncate: () => filesystem.truncate('/public/u', 1, {}, keyed),
    rename: () => filesystem.rename('/public/u', '/public/other', {}, keyed),
    remove: () => filesystem.remove('/public/u', {}, keyed),
    'remove of nothing': () => filesystem.remove('/public/nothing', {}, keyed),
    directory: () => filesystem.makeDirectory('/public/other', {}, keyed),
    'a directory that is there': () => filesystem.makeDirectory('/public', {}, keyed),
    volume: () => filesystem.makeVolume('/other', {}, keyed),
  }
  for (const [name, other] of Object.entries(others)) {
    await assert.rejects(other, code('filesystem/key-reused'), name)
  }
  assert.equal((await get(world, '/public/u')).toString(), 'first')
  const again = await put('/public/u', 'first')
  assert.equal(again.info.etag, first.info.etag)
  const { entries } = await filesystem.list('/public', { countMax: 10 }, context())
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['u'],
  )
  // The body in other pieces, its length announced, the path in its other spelling: the same.
  const pieces = streamOf(bytesOf('fi'), bytesOf(''), bytesOf('rst'))
  const same = await filesystem.write('/public/u/', pieces, { expectedBytes: 5 }, keyed)
  assert.equal(same.info.etag, first.info.etag)
})

test('of two different requests at once under one Idempotency-Key one is done and one refused', async () => {
  const world = await localWorld(17)
  const { filesystem, context } = world
  const keyed = context({ idempotencyKey: 'raced' })
  const bodies = ['one', 'two', 'three']
  const racing = await Promise.allSettled(
    bodies.map((body, index) =>
      filesystem.write(`/public/race${index}`, streamOf(bytesOf(body)), {}, keyed),
    ),
  )
  const codes = racing.map((result) =>
    result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code,
  )
  assert.deepEqual(codes.toSorted(), ['done', 'filesystem/key-reused', 'filesystem/key-reused'])
})

test('an Idempotency-Key holds for conditional requests whose answer was lost', async () => {
  const world = await localWorld(14)
  const { filesystem, context } = world
  const keyed = (idempotencyKey: string) => context({ idempotencyKey })
  const once = async (etag?: string) =>
    filesystem.write(
      '/public/k',
      streamOf(bytesOf('1')),
      etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: [etag] },
      keyed(`put${etag ?? ''}`),
    )
  const first = await once()
  assert.equal((await once()).info.etag, first.info.etag)
  await once(first.info.etag)
  const repeated = await once(first.info.etag)
  const patch = { at: 'end', ifMatch: [repeated.info.etag] } as const
  for (let round = 0; round < 2; round++) {
    await filesystem.patch('/public/k', streamOf(bytesOf('2')), patch, keyed('patch'))
  }
  assert.equal((await get(world, '/public/k')).toString(), '12')
  const others = filesystem.patch('/public/k', streamOf(bytesOf('3')), patch, keyed('another'))
  await assert.rejects(others, code('filesystem/precondition'))
})

test('an Idempotency-Key holds whatever others have made of the result since', async () => {
  const world = await localWorld(17)
  const { filesystem, context } = world
  const keyed = (idempotencyKey: string) => context({ idempotencyKey })
  const text = (words: string) => streamOf(bytesOf(words))
  const unconfirmed = code('filesystem/unconfirmed')
  await put(world, '/public/a', bytesOf('mine'))
  const move = () => filesystem.rename('/public/a', '/public/b', {}, keyed('move'))
  const add = () => filesystem.patch('/public/b', text('+'), { at: 'end' }, keyed('add'))
  const make = () => filesystem.makeDirectory('/public/d', {}, keyed('make'))
  const drop = () => filesystem.remove('/public/e', {}, keyed('drop'))
  await move()
  await add()
  await make()
  await put(world, '/public/e', bytesOf('dropped'))
  await drop()
  // Others put new things where the old ones were, and leave what was made.
  await put(world, '/public/a', bytesOf('theirs'))
  await filesystem.makeDirectory('/public/e', {}, context())
  await put(world, '/public/e/inside', bytesOf('x'))
  assert.equal((await move()).size, 5)
  assert.equal((await make()).path, '/public/d')
  await drop()
  assert.equal((await get(world, '/public/a')).toString(), 'theirs')
  // What was made is gone again: it was done all the same, and is not done anew.
  await filesystem.remove('/public/b', {}, context())
  await filesystem.remove('/public/d', {}, context())
  await assert.rejects(add(), unconfirmed)
  await filesystem.remove('/public/a', {}, context())
  await assert.rejects(move(), unconfirmed)
  await assert.rejects(filesystem.stat('/public/d', context()), code('filesystem/not-found'))
  const other = filesystem.rename('/public/a', '/public/b', {}, keyed('another'))
  await assert.rejects(other, code('filesystem/not-found'))
})

test('a repeated request is told of what it made, not of what others put in its place', async () => {
  const world = await localWorld(18)
  const { filesystem, context } = world
  const keyed = (idempotencyKey: string) => context({ idempotencyKey })
  const text = (words: string) => streamOf(bytesOf(words))
  const unconfirmed = code('filesystem/unconfirmed')
  // Plain PUTs: one that makes a file, one that replaces another's.
  for (const replaces of [false, true]) {
    const path = `/public/put-${replaces}`
    if (replaces) await put(world, path, bytesOf('before'))
    const write = () => filesystem.write(path, text('mine'), {}, keyed(path))
    const first = await write()
    await put(world, path, bytesOf('of others'))
    // What it made is there, with another's content: it is told of its own.
    const { id, etag, size } = (await write()).info
    assert.deepEqual({ id, etag, size }, { id: first.info.id, etag: first.info.etag, size: 4 })
    await filesystem.remove(path, {}, context())
    for (let round = 0; round < 2; round++) await put(world, path, bytesOf('of others'))
    await assert.rejects(write(), unconfirmed)
    assert.equal((await get(world, path)).toString(), 'of others')
  }
  const make = () =>
    filesystem.write('/public/new', text('mine'), { ifNoneMatch: '*' }, keyed('new'))
  const move = () => filesystem.rename('/public/a', '/public/b', {}, keyed('move'))
  const directory = () => filesystem.makeDirectory('/public/d', {}, keyed('make'))
  const add = () => filesystem.patch('/public/p', text('+'), { at: 'end' }, keyed('add'))
  await make()
  await put(world, '/public/a', bytesOf('a'))
  await move()
  await directory()
  await put(world, '/public/p', bytesOf('p'))
  const { etag } = await add()
  for (const name of ['new', 'b', 'd', 'p'])
    await filesystem.remove(`/public/${name}`, {}, context())
  for (const name of ['new', 'a', 'b', 'p'])
    await put(world, `/public/${name}`, bytesOf('of others'))
  await filesystem.makeDirectory('/public/d', {}, context())
  for (const repeat of [make, move, directory, add]) await assert.rejects(repeat(), unconfirmed)
  await filesystem.rename('/public/p', '/public/q', {}, context())
  assert.notEqual((await filesystem.stat('/public/q', context())).etag, etag)
  assert.equal((await get(world, '/public/b')).toString(), 'of others')
})
