/**
 * What one principal's calls have unwrapped on this Processor: domain keys, object keys, and which
 * object an entry named last. Entries are hints that every call confirms; keys never change for an
 * (object, epoch). Dropped whole when the principal is not seen among the newest.
 */

import { assert } from '../../base/assert.ts'
import type { DomainId, ObjectId, Tag } from '../../base/ids.ts'
import type { AeadKey, Crypto } from '../../ports/crypto.ts'
import type { Group } from '../group/interface.ts'
import { openDomainKey, unwrapObjectKeys } from '../keys/index.ts'
import type { DomainKey, ObjectKeys, PrincipalKeys } from '../keys/interface.ts'
import type { ObjectView } from '../section/interface.ts'
import { NameCode, NameError } from './errors.ts'
import { entriesCachedMax, objectsCachedMax } from './limits.ts'

type Lookup = { readonly deadlineMs: number; readonly signal: AbortSignal }

type KeyServices = {
  readonly crypto: Crypto
  readonly group: Group
  readonly everyoneKey: AeadKey
}

export class KeyCache {
  readonly #services: KeyServices
  readonly #principal: PrincipalKeys
  readonly #domains = new Map<DomainId, DomainKey>()
  readonly #objects = new Map<ObjectId, ObjectKeys>()
  readonly #children = new Map<string, ObjectId>()

  constructor(services: KeyServices, principal: PrincipalKeys) {
    this.#services = services
    this.#principal = principal
  }

  keys(object: ObjectId): ObjectKeys | undefined {
    return this.#objects.get(object)
  }

  child(directory: ObjectId, tag: Tag): ObjectId | undefined {
    return this.#children.get(directory + tag)
  }

  setChild(input: { directory: ObjectId; tag: Tag; object: ObjectId }): void {
    bounded(this.#children, entriesCachedMax).set(input.directory + input.tag, input.object)
  }

  forgetChild(directory: ObjectId, tag: Tag): void {
    this.#children.delete(directory + tag)
  }

  /** Unwrap (or find) the keys of an object. @throws NameError `namespace/denied` */
  async keysOf(view: ObjectView, call: Lookup): Promise<ObjectKeys> {
    const known = this.#objects.get(view.object)
    if (known !== undefined && known.epoch === view.keyEpoch) return known
    const domainKey = await this.domainKey(view.domain, view.domainEpoch, call)
    const keys = unwrapObjectKeys(this.#services.crypto, {
      object: view.object,
      domainKey,
      wrapped: view.wrappedKeys,
    })
    if (keys === undefined) {
      throw new NameError(NameCode.Denied, 'the keys of an object do not open', {})
    }
    bounded(this.#objects, objectsCachedMax).set(view.object, keys)
    return keys
  }

  /** The key of a domain, of that epoch or newer. @throws NameError `namespace/denied` */
  async domainKey(domain: DomainId, epoch: number, call: Lookup): Promise<DomainKey> {
    const known = this.#domains.get(domain)
    if (known !== undefined && known.epoch >= epoch) return known
    const { group, crypto, everyoneKey } = this.#services
    const [answer] = await group.read([{ kind: 'domain', domain }], call)
    assert(answer?.kind === 'domain', 'an answer is of its query’s kind')
    const key =
      answer.domain === undefined
        ? undefined
        : openDomainKey(crypto, { view: answer.domain, keys: this.#principal, everyoneKey })
    if (key === undefined) throw new NameError(NameCode.Denied, 'no right to read here', {})
    this.#domains.set(domain, key)
    return key
  }
}

/** Make room for one more by dropping the oldest. */
function bounded<Key, Value>(map: Map<Key, Value>, countMax: number): Map<Key, Value> {
  if (map.size < countMax) return map
  const oldest = map.keys().next()
  if (oldest.done === false) map.delete(oldest.value)
  return map
}
