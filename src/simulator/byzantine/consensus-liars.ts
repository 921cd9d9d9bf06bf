/** All kinds of lying members of a consensus group, by name. */
import { Dripper } from './dripper.ts'
import { Equivocator } from './equivocator.ts'
import { Flooder } from './flooder.ts'
import { Forger } from './forger.ts'
import { Liar } from './liar.ts'
import { Nuller } from './nuller.ts'
import type { LiarParts, LyingMember } from './parts.ts'
import { Replayer } from './replayer.ts'
import { SelectiveSilent } from './selective-silent.ts'
import { Twins } from './twins.ts'

const makers = {
  twins: (parts: LiarParts): LyingMember => new Twins(parts),
  liar: (parts: LiarParts): LyingMember => new Liar(parts),
  equivocator: (parts: LiarParts): LyingMember => new Equivocator(parts),
  'selective-silent': (parts: LiarParts): LyingMember => new SelectiveSilent(parts),
  nuller: (parts: LiarParts): LyingMember => new Nuller(parts),
  forger: (parts: LiarParts): LyingMember => new Forger(parts),
  replayer: (parts: LiarParts): LyingMember => new Replayer(parts),
  dripper: (parts: LiarParts): LyingMember => new Dripper(parts),
  flooder: (parts: LiarParts): LyingMember => new Flooder(parts),
} as const

export type LiarKind = keyof typeof makers

export const liarKinds = Object.keys(makers) as readonly LiarKind[]

export const isLiarKind = (name: string): name is LiarKind => name in makers

export const makeLiar = (kind: LiarKind, parts: LiarParts): LyingMember => makers[kind](parts)
