/** Bounds of a placement epoch. */
import { assert } from '../../base/assert.ts'
import { partitionCount } from './interface.ts'

/** Bits of a hash that choose the partition. Part of the protocol: all nodes must agree. */
export const partitionBits = 14

/**
 * Most virtual replicas of one member. Unit: draws per partition.
 * Why: eight steps tell a small disk from a large one; ranking 128 members of weight 8 costs 1,024
 * hashes (about 1 ms), once per partition and epoch.
 */
export const weightMax = 8

/** Most members of one epoch: a section is split long before (PROTOCOL 6.2 aims at 128). */
export const membersMax = 1_024

assert(2 ** partitionBits === partitionCount, 'partitions are what the bits can name')
