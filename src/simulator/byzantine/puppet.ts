/**
 * The production member, run by a liar: honest code on bent links. Several may run behind one
 * address with one key, each with a disk of its own.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Consensus } from '../../kernel/consensus/index.ts'
import type { IncomingMessage } from '../../kernel/links/index.ts'
import { noMetrics, silentLog, watchedCrypto } from '../consensus-node.ts'
import { SnapshotApplication } from '../consensus-snapshots.ts'
import { SimClock } from '../sim-clock.ts'
import { SimJournals } from '../sim-journal.ts'
import { SimProcess } from '../sim-process.ts'
import type { Range, SimRandom } from '../sim-random.ts'
import { BentAddress, type BentLinks } from './bent-links.ts'
import type { LiarParts, LyingMember } from './parts.ts'

export abstract class PuppetMaster implements LyingMember {
  protected readonly parts: LiarParts
  protected readonly dice: SimRandom
  /** Everybody else. */
  protected readonly peers: readonly NodeId[]
  readonly #self: NodeId
  readonly #puppets: Consensus[] = []
  readonly #puppetCount: number
  #process: SimProcess | undefined

  constructor(parts: LiarParts, puppetCount: number) {
    this.parts = parts
    this.dice = parts.random
    this.#puppetCount = puppetCount
    const nodes = parts.world.config.members.map(({ node }) => node)
    this.#self = nodes[parts.index] ?? ('' as NodeId)
    this.peers = nodes.filter((node) => node !== this.#self)
  }

  start(): void {
    const { index, world } = this.parts
    const process = new SimProcess(world.scheduler, `liar${index}`)
    this.#process = process
    const address = new BentAddress(world.net.linksOf(this.#self, process), this.#puppetCount)
    address.onHeard = (message) => this.heard(message)
    this.#run(process, address).catch((error: unknown) => {
      if (process.state !== 'dead') world.onFailure(index, error)
    })
  }

  async #run(process: SimProcess, address: BentAddress): Promise<void> {
    for (const end of address.ends) {
      const puppet = await this.#makePuppet(process, end)
      await puppet.start()
      this.#puppets.push(puppet)
    }
    await address.start()
    this.begin(address)
  }

  async #makePuppet(process: SimProcess, links: BentLinks): Promise<Consensus> {
    const { index, keys, world } = this.parts
    const clock = new SimClock(process)
    const journals = new SimJournals({ random: this.dice.fork('puppet') })
    const journal = await journals.opener(clock).open('consensus')
    const told: { consensus?: Consensus } = {}
    const ignore = (): void => undefined
    const application = new SnapshotApplication(
      { onExecuted: ignore, onDurable: ignore },
      {
        ...{ clock, journal, config: world.config, crypto: world.crypto },
        random: this.dice.fork('state'),
        askState: world.askState,
        everyHeights: world.snapshotHeights,
        unchecked: false,
        onSnapshot: (snapshot) => told.consensus?.snapshot(snapshot),
        onInstalled: ignore,
        onFailed: ignore,
      },
    )
    const puppet = world.createTwin({
      config: world.config,
      self: this.#self,
      consensusKeyPair: keys,
      mayBeNew: true,
      links,
      journal,
      clock,
      crypto: watchedCrypto(world, index),
      log: silentLog,
      metrics: noMetrics,
      application,
      restoredHeight: 0,
      delta0Ms: world.delta0Ms,
      limits: world.limits,
      // What its own lies do to it, another member's among them, is nobody's concern.
      onFatal: ignore,
    })
    told.consensus = puppet
    return puppet
  }

  stop(): void {
    this.#process?.kill()
  }

  submit(item: Uint8Array): void {
    for (const puppet of this.#puppets) puppet.submit(item)
  }

  /** Linked; plan what to do. */
  protected abstract begin(address: BentAddress): void

  /** A message as it arrives. */
  protected heard(_message: IncomingMessage): void {}

  /** Act once, in a while. */
  protected later(delayMs: number, act: () => void): void {
    this.#process?.after(delayMs, act, 'nag')
  }

  /** Act at such intervals until the end. */
  protected every(range: Range, act: () => void): void {
    const again = (): void => {
      act()
      this.#process?.after(this.dice.between(range), again, 'nag')
    }
    again()
  }
}
