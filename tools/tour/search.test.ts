import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { chiSquareMax, randomnessOf, searchFolders, spellingsOf } from './search.ts'

const folder = mkdtempSync(join(tmpdir(), 'unosys-search-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const secret = 'the name of a secret file'

test('a text is found wherever it stands, in each of its spellings', () => {
  const needles = spellingsOf('secret', Buffer.from(secret))
  const around = (middle: Buffer): Buffer =>
    Buffer.concat([randomBytes(1_001), middle, randomBytes(77)])
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from(Buffer.concat([randomBytes(shift), Buffer.from(secret)]).toString('base64')),
  )
  const spelled = [
    Buffer.from(secret),
    Buffer.from(secret, 'utf16le'),
    Buffer.from(Buffer.from(secret).toString('hex')),
    ...base64,
  ]
  for (const [index, middle] of spelled.entries()) {
    const place = join(folder, `case-${index}`)
    mkdirSync(place)
    writeFileSync(join(place, 'file'), around(middle))
    const { hits, fileCount } = searchFolders([place], needles)
    assert(hits.length >= 1, `spelling ${index}`)
    assert.equal(fileCount, 1)
  }
})

test('a text at the very start and end of a file, and in a path, is found', () => {
  const place = join(folder, 'ends')
  mkdirSync(join(place, secret), { recursive: true })
  writeFileSync(join(place, 'start'), `${secret}…`)
  writeFileSync(join(place, 'end'), `…${secret}`)
  writeFileSync(join(place, secret, 'x'), 'nothing')
  const needles = [{ what: 'it', bytes: Buffer.from(secret) }]
  assert.equal(searchFolders([place], needles).hits.length, 3)
})

test('what is not there is not found, and a needle that is too short is refused', () => {
  const place = join(folder, 'none')
  mkdirSync(place)
  writeFileSync(join(place, 'file'), randomBytes(200_000))
  const needles = spellingsOf('secret', Buffer.from(secret))
  assert.deepEqual(searchFolders([place], needles).hits, [])
  assert.throws(() => searchFolders([place], [{ what: 'short', bytes: Buffer.from('abc') }]))
})

test('random bytes pass for random; text, and random bytes with a bias of a hundredth, do not', () => {
  const random = [randomBytes(1_000_000), randomBytes(3_000_000)]
  const { chiSquare, entropyBits, byteCount } = randomnessOf(random)
  assert.equal(byteCount, 4_000_000)
  assert(chiSquare < chiSquareMax && entropyBits > 7.999)
  assert(randomnessOf([Buffer.from(secret.repeat(1_000))]).chiSquare > chiSquareMax)
  const biased = randomBytes(4_000_000).map((byte, index) => (index % 100 === 0 ? 0 : byte))
  assert(randomnessOf([biased]).chiSquare > chiSquareMax)
})
