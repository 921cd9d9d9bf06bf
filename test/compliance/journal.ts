import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { isUnosysError } from '../../src/base/error.ts'
import type { Journal, JournalOpener, JournalWrite } from '../../src/ports/journal.ts'

export type JournalWorld = {
  readonly opener: JournalOpener
  /** Run the body of a test, with the world's time passing. */
  readonly drive: (body: () => Promise<void>) => Promise<void>
  readonly close: () => Promise<void>
}

export type JournalSubject = {
  readonly name: string
  readonly open: () => Promise<JournalWorld>
}

type Check = (
  title: string,
  run: (journal: Journal, opener: JournalOpener) => Promise<void>,
) => void

function checksOf({ name, open }: JournalSubject): Check {
  return (title, run) => {
    test(`${name}: ${title}`, { timeout: 60_000 }, async () => {
      const world = await open()
      try {
        await world.drive(async () => {
          const journal = await world.opener.open('main')
          try {
            await run(journal, world.opener)
          } finally {
            await journal.close()
          }
        })
      } finally {
        await world.close()
      }
    })
  }
}

const put = (key: string, value: string): JournalWrite => ({
  kind: 'put',
  key: utf8(key),
  value: utf8(value),
})
const remove = (key: string): JournalWrite => ({ kind: 'delete', key: utf8(key) })
const removeRange = (from: string, to: string): JournalWrite => ({
  kind: 'deleteRange',
  from: utf8(from),
  to: utf8(to),
})

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && new TextDecoder().decode(bytes)

const everything = { from: new Uint8Array(0), to: new Uint8Array(64).fill(255), countMax: 100_000 }

async function allOf(journal: Journal): Promise<Record<string, string>> {
  const entries = await journal.range(everything)
  return Object.fromEntries(entries.map(({ key, value }) => [text(key), text(value)]))
}

const failsWith = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => isUnosysError(error, code))

/** What every `Journal` promises while nothing is wrong. Crashes are tested elsewhere. */
export function journalCompliance(subject: JournalSubject): void {
  entries(subject)
  ranges(subject)
  commits(subject)
  opening(subject)
}

function entries(subject: JournalSubject): void {
  const check = checksOf(subject)

  check(
    'what is put is there, what is deleted is not, what was never there is undefined',
    async (journal) => {
      assert.equal(await journal.get(utf8('a')), undefined)
      await journal.commit([put('a', '1'), put('b', '2')])
      await journal.commit([put('a', '3'), remove('b'), remove('none')])
      assert.equal(text(await journal.get(utf8('a'))), '3')
      assert.equal(await journal.get(utf8('b')), undefined)
      assert.deepEqual(await allOf(journal), { a: '3' })
    },
  )

  check('within a commit, writes happen in their order', async (journal) => {
    await journal.commit([put('a', '1'), put('a', '2'), remove('b'), put('b', '1'), remove('b')])
    await journal.commit([put('c', '1'), removeRange('c', 'd'), put('c1', '2')])
    assert.deepEqual(await allOf(journal), { a: '2', c1: '2' })
  })

  check('keys and values of any bytes and length, empty ones too', async (journal) => {
    const pairs: [Uint8Array, Uint8Array][] = [
      [new Uint8Array(0), new Uint8Array(0)],
      [new Uint8Array(1), new Uint8Array(1)],
      [new Uint8Array(300).fill(255), new Uint8Array(3_000_000).fill(7)],
      [utf8('a\0b'), utf8('\0')],
    ]
    await journal.commit(pairs.map(([key, value]) => ({ kind: 'put', key, value })))
    for (const [key, value] of pairs) assert.deepEqual(await journal.get(key), value)
  })

  check('what is read is plain bytes of its own', async (journal) => {
    await journal.commit([put('a', '123')])
    const value = await journal.get(utf8('a'))
    assert.equal(value?.constructor, Uint8Array)
    value.fill(0)
    assert.equal(text(await journal.get(utf8('a'))), '123')
  })

  check('a commit of nothing resolves like any other', async (journal) => {
    await journal.commit([])
    assert.deepEqual(await allOf(journal), {})
  })
}

function ranges(subject: JournalSubject): void {
  const check = checksOf(subject)

  check(
    'a range is half open, in the order of unsigned bytes, and bounded in count',
    async (journal) => {
      const keys = ['', '00', '0000', '01', '7f', '80', 'ff', 'ff00', 'ffff']
      await journal.commit(
        keys.toReversed().map((key) => ({ kind: 'put', key: fromHex(key), value: fromHex(key) })),
      )
      const range = async (from: string, to: string, countMax = 100): Promise<string[]> => {
        const found = await journal.range({ from: fromHex(from), to: fromHex(to), countMax })
        for (const { key, value } of found) assert.deepEqual(key, value)
        return found.map(({ key }) => toHex(key))
      }
      assert.deepEqual(await range('', 'ffffff'), keys)
      assert.deepEqual(await range('00', '80'), ['00', '0000', '01', '7f'])
      assert.deepEqual(await range('00', '0000'), ['00'])
      assert.deepEqual(await range('00', 'ff', 2), ['00', '0000'])
      assert.deepEqual(await range('00', 'ff', 0), [])
      assert.deepEqual(await range('80', '80'), [])
      assert.deepEqual(await range('ff', '00'), [])
      assert.deepEqual(await range('0001', '01'), [])
    },
  )

  check('a range is deleted half open', async (journal) => {
    await journal.commit(['a', 'b', 'b1', 'c', 'd'].map((key) => put(key, key)))
    await journal.commit([removeRange('b', 'c'), removeRange('z', 'a'), removeRange('x', 'y')])
    assert.deepEqual(await allOf(journal), { a: 'a', c: 'c', d: 'd' })
  })

  check('it holds what an ordered map would hold, after any writes', async (journal) => {
    const key = fc.uint8Array({ maxLength: 3 })
    const write: fc.Arbitrary<JournalWrite> = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 9 }) }),
      fc.record({ kind: fc.constant('delete' as const), key }),
      fc.record({ kind: fc.constant('deleteRange' as const), from: key, to: key }),
    )
    const model = new Map<string, string>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(write, { maxLength: 5 }), { maxLength: 8 }),
        key,
        key,
        async (commits, from, to) => {
          for (const writes of commits) for (const one of writes) applyTo(model, one)
          await Promise.all(commits.map((writes) => journal.commit(writes)))
          const expected = [...model]
            .filter(([hex]) => isIn(hex, from, to))
            .sort(([a], [b]) => compareBytes(fromHex(a), fromHex(b)))
          const found = await journal.range({ from, to, countMax: 1000 })
          assert.deepEqual(
            found.map((entry) => [toHex(entry.key), toHex(entry.value)]),
            expected,
          )
          const one = model.get(toHex(from))
          const got = await journal.get(from)
          assert.equal(got && toHex(got), one)
        },
      ),
      { numRuns: 60 },
    )
  })
}

const isIn = (hex: string, from: Uint8Array, to: Uint8Array): boolean =>
  compareBytes(fromHex(hex), from) >= 0 && compareBytes(fromHex(hex), to) < 0

function applyTo(model: Map<string, string>, write: JournalWrite): void {
  if (write.kind === 'put') model.set(toHex(write.key), toHex(write.value))
  else if (write.kind === 'delete') model.delete(toHex(write.key))
  else for (const hex of [...model.keys()]) if (isIn(hex, write.from, write.to)) model.delete(hex)
}

function commits(subject: JournalSubject): void {
  const check = checksOf(subject)

  check('commits resolve in the order of asking, and each finds itself there', async (journal) => {
    const resolved: number[] = []
    const numbers = Array.from({ length: 500 }, (_, index) => index)
    await Promise.all(
      numbers.map(async (number) => {
        await journal.commit([put(`k${number}`, `${number}`), put('last', `${number}`)])
        resolved.push(number)
        if (number % 50 !== 0) return
        assert.equal(text(await journal.get(utf8(`k${number}`))), `${number}`)
        assert.ok(Number(text(await journal.get(utf8('last')))) >= number)
      }),
    )
    assert.deepEqual(resolved, numbers)
    assert.equal(text(await journal.get(utf8('last'))), '499')
  })

  check('readers see a commit whole or not at all', async (journal) => {
    let writing = true
    const writer = async (): Promise<void> => {
      for (let round = 1; round <= 100; round++)
        await journal.commit([put('a', `${round}`), put('b', `${round}`), put('c', `${round}`)])
      writing = false
    }
    const reader = async (): Promise<void> => {
      while (writing) {
        const { a, b, c } = await allOf(journal)
        assert.ok(a === b && b === c, `${a} ${b} ${c}`)
      }
    }
    await Promise.all([writer(), reader(), reader()])
  })

  check('the caller may use its bytes again once a commit has resolved', async (journal) => {
    const key = utf8('key')
    const value = utf8('value')
    await journal.commit([{ kind: 'put', key, value }])
    key.fill(0)
    value.fill(0)
    assert.equal(text(await journal.get(utf8('key'))), 'value')
  })
}

function opening(subject: JournalSubject): void {
  const check = checksOf(subject)

  check('what was committed is there after closing and opening', async (journal, opener) => {
    const unawaited = [journal.commit([put('a', '1')]), journal.commit([put('b', '2')])]
    await journal.close()
    await Promise.all(unawaited)
    await journal.close()
    const again = await opener.open('main')
    assert.deepEqual(await allOf(again), { a: '1', b: '2' })
    await again.close()
  })

  check('a closed store refuses everything', async (journal) => {
    await journal.close()
    await failsWith(journal.commit([put('a', '1')]), 'journal/failed')
    await failsWith(journal.get(utf8('a')), 'journal/failed')
    await failsWith(journal.range(everything), 'journal/failed')
  })

  check('a store is open once', async (journal, opener) => {
    await failsWith(opener.open('main'), 'journal/locked')
    await journal.commit([put('a', '1')])
    assert.deepEqual(await allOf(journal), { a: '1' })
  })

  check('stores of other names are other stores', async (journal, opener) => {
    const other = await opener.open('other')
    await Promise.all([journal.commit([put('a', '1')]), other.commit([put('a', '2')])])
    assert.deepEqual(await allOf(journal), { a: '1' })
    assert.deepEqual(await allOf(other), { a: '2' })
    await other.close()
  })
}
