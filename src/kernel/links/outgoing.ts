/** What waits to be sent to one peer: a queue for each urgency, bounded, first in, first out. */
import { BoundedQueue } from '../../base/queue.ts'
import { type Channel, channels, type OutgoingMessage } from './interface.ts'
import { type LinkLimits, messageOverheadBytes } from './limits.ts'
import type { SignedContent } from './message.ts'

/** A message in the queue. */
export type Outgoing = {
  readonly content: SignedContent
  readonly body: Uint8Array | undefined
  /** True: its sender lost interest; it is skipped. */
  readonly dropped?: () => boolean
  /** Called when it leaves the queue, sent or skipped. */
  readonly onTaken?: () => void
}

/** The content that stands for `message`. */
export const contentOf = (
  message: Omit<OutgoingMessage, 'channel'>,
  rest: Pick<SignedContent, 'kind' | 'channel' | 'id' | 'deadlineMs'>,
): SignedContent => ({
  ...rest,
  head: message.head,
  body: message.body && { length: message.body.bytes.length, hash: message.body.hash },
})

/** Bytes that a queued message stands for. */
export const weightOf = ({ content, body }: Outgoing): number =>
  messageOverheadBytes + content.head.length + (body?.length ?? 0)

/**
 * How urgent a message is. A lane is emptied before the next one gets a turn: consensus and
 * cancellations first, then the group's requests, then blocks.
 */
export const urgencies = ['urgent', 'normal', 'bulk'] as const
export type Urgency = (typeof urgencies)[number]

const urgencyOfChannel: Readonly<Record<Channel, Urgency>> = {
  [channels.consensus]: 'urgent',
  [channels.group]: 'normal',
  [channels.blocks]: 'bulk',
}

const newLane = (): BoundedQueue<Outgoing> =>
  new BoundedQueue({ countMax: Number.MAX_SAFE_INTEGER, weigh: weightOf })

export class OutgoingQueue {
  readonly #limits: LinkLimits
  readonly #lanes: Readonly<Record<Urgency, BoundedQueue<Outgoing>>> = {
    urgent: newLane(),
    normal: newLane(),
    bulk: newLane(),
  }

  constructor(limits: LinkLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return urgencies.reduce((sum, urgency) => sum + this.#lanes[urgency].weight, 0)
  }

  /** False, and nothing happened, when the channel's queue is full. For one-way messages. */
  offer(item: Outgoing): boolean {
    const lane = this.#lanes[urgencyOfChannel[item.content.channel]]
    const { queueCountMax, queueBytesMax } = this.#limits
    const full = lane.count >= queueCountMax || lane.weight + weightOf(item) > queueBytesMax
    if (full && lane.count > 0) return false
    lane.push(item)
    return true
  }

  /** Always: what is bounded elsewhere (requests and replies by those in flight). */
  put(item: Outgoing, urgency: Urgency = urgencyOfChannel[item.content.channel]): void {
    this.#lanes[urgency].push(item)
  }

  /** The next message of a lane that somebody still wants to be sent. */
  peek(urgency: Urgency): Outgoing | undefined {
    const lane = this.#lanes[urgency]
    for (let item = lane.peek(); item !== undefined; item = lane.peek()) {
      if (item.dropped?.() !== true) return item
      lane.shift()
      item.onTaken?.()
    }
    return undefined
  }

  take(urgency: Urgency): void {
    this.#lanes[urgency].shift()?.onTaken?.()
  }
}
