/**
 * One round of asking for lists of added blocks: what b + 1 members say is so. Members that fail
 * are asked again while others may still answer; a round ends when nobody else can bring agreement,
 * and soon after a quorum has answered or failed without it: members that executed different
 * heights agree in the next one, and who has a gap may never.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Call, GroupClient } from './client.ts'
import { disagreementMs } from './limits.ts'
import { encodeGroupRequest } from './wire.ts'

export type AddedAsking = {
  readonly client: Pick<GroupClient, 'askAll' | 'tally'>
  readonly clock: Clock
  readonly members: readonly NodeId[]
  readonly quorum: number
  readonly liarsMax: number
  readonly call: Call
}

/** The reply that more members than can lie gave; undefined when there is none. */
export async function askAdded(
  asking: AddedAsking,
  input: { readonly fromHeight: number; readonly countMax: number },
): Promise<Uint8Array | undefined> {
  const { call, client, clock, liarsMax, members, quorum } = asking
  const needed = liarsMax + 1
  const tally = client.tally(needed)
  const failed = new Set<NodeId>()
  const { promise: enough, resolve: end } = Promise.withResolvers<void>()
  let agreed: Uint8Array | undefined
  let cancelWait: (() => void) | undefined
  const look = (): void => {
    const open = members.length - tally.answerCount - failed.size
    if (tally.largest + open < needed) end()
    else if (tally.answerCount + failed.size >= quorum)
      cancelWait ??= clock.after(disagreementMs, end)
  }
  await client.askAll(call, {
    request: encodeGroupRequest({ kind: 'added', ...input }),
    persist: true,
    enough,
    onAnswer: (member, answer) => {
      failed.delete(member)
      if (tally.add(member, answer)) agreed = answer
      else look()
      return agreed !== undefined
    },
    onFailure: (member) => {
      failed.add(member)
      look()
    },
  })
  cancelWait?.()
  return agreed
}
