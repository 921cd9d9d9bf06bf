/** Evidence kept per peer: enough to judge one, bounded whatever peers do. */
export const evidenceCountMax = 16

/** Proofs against one peer that are kept for good; a single one is enough to judge it. */
export const proofsPerPeerMax = 4

/** Bytes of the words that say what a fault was about. */
export const aboutBytesMax = 1_024

/** Bytes of one piece of evidence: a signed message without a block's body. */
export const evidenceBytesMax = 64 * 1024

/** Peers with kept faults; a world of this stage has at most 16 nodes, links refuse strangers. */
export const peerCountMax = 1_024
