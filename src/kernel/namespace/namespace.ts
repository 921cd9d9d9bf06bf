import type { ObjectId } from '../../base/ids.ts'
import type { AeadKey, Crypto } from '../../ports/crypto.ts'
import type { Random } from '../../ports/random.ts'
import type { Group } from '../group/interface.ts'
import { sealEntryName } from '../keys/index.ts'
import type { DomainKey, ObjectKeys } from '../keys/interface.ts'
import type { ObjectView, Operation } from '../section/interface.ts'
import type { ListedPage, NameCall } from './interface.ts'
import { KeyCache } from './key-cache.ts'
import { principalsCachedMax } from './limits.ts'
import { Lister } from './listing.ts'
import { type OpenDirectory, type Resolved, Resolver } from './resolve.ts'

export type NamespaceOptions = {
  readonly crypto: Crypto
  readonly random: Random
  readonly group: Group
  /** The root directory of genesis. */
  readonly root: ObjectId
  /** Key under which `everyone`'s domain keys are wrapped. */
  readonly everyoneKey: AeadKey
}

/** Where an entry is, or would be. */
export type Place = NonNullable<Resolved['place']>

/** Volumes, directories and paths: entries of any kind. */
export class Namespace {
  readonly #options: NamespaceOptions
  readonly #resolver: Resolver
  readonly #lister: Lister
  readonly #caches = new Map<string, KeyCache>()

  constructor(options: NamespaceOptions) {
    this.#options = options
    this.#resolver = new Resolver(options)
    this.#lister = new Lister(options)
  }

  /** What the names lead to, at one confirmed state. @throws NameError, GroupError */
  resolve(names: readonly string[], call: NameCall): Promise<Resolved> {
    return this.#resolver.resolve(names, this.#cacheOf(call), call)
  }

  /** @param directory as just resolved. */
  list(
    directory: OpenDirectory,
    page: { readonly cursor?: string; readonly countMax: number },
    call: NameCall,
  ): Promise<ListedPage> {
    return this.#lister.list(directory, page, this.#cacheOf(call), call)
  }

  keysOf(view: ObjectView, call: NameCall): Promise<ObjectKeys> {
    return this.#cacheOf(call).keysOf(view, call)
  }

  /** The key of the domain that a directory's children belong to: its own. */
  domainKeyOf(directory: OpenDirectory, call: NameCall): Promise<DomainKey> {
    const { domain, domainEpoch } = directory.view
    return this.#cacheOf(call).domainKey(domain, domainEpoch, call)
  }

  /** The operation that gives an object a name; `seenSeq` 0 when the name must be free. */
  link(place: Place, object: ObjectId, seenSeq: number): Operation {
    const { directory, tag } = place
    return {
      op: 'link',
      directory: directory.view.object,
      tag,
      seenSeq,
      sealedName: this.#sealName(place, object),
      keyEpoch: directory.keys.epoch,
      object,
    }
  }

  /** The operation that moves an entry, replacing the one at `to` when it was seen there. */
  rename(
    from: { readonly place: Place; readonly seq: number; readonly object: ObjectId },
    to: { readonly place: Place; readonly seq: number },
  ): Operation {
    return {
      op: 'rename',
      fromDirectory: from.place.directory.view.object,
      fromTag: from.place.tag,
      fromSeq: from.seq,
      toDirectory: to.place.directory.view.object,
      toTag: to.place.tag,
      toSeq: to.seq,
      sealedName: this.#sealName(to.place, from.object),
      keyEpoch: to.place.directory.keys.epoch,
    }
  }

  unlink(place: Place, seenSeq: number): Operation {
    return { op: 'unlink', directory: place.directory.view.object, tag: place.tag, seenSeq }
  }

  #sealName(place: Place, object: ObjectId): Uint8Array {
    const { directory, tag, name } = place
    return sealEntryName(this.#options, directory.keys, {
      directory: directory.view.object,
      tag,
      object,
      name,
    })
  }

  #cacheOf(call: NameCall): KeyCache {
    const { principal } = call.principal
    const known = this.#caches.get(principal)
    if (known !== undefined) return known
    const oldest = this.#caches.keys().next()
    if (this.#caches.size >= principalsCachedMax && oldest.done === false) {
      this.#caches.delete(oldest.value)
    }
    const cache = new KeyCache(this.#options, call.principal)
    this.#caches.set(principal, cache)
    return cache
  }
}
