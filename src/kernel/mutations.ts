/**
 * Parts of a kernel that a test can replace, to see what liars do to the world and that the
 * checkers notice a broken rule. `createKernel` takes none of this; `createAltered`, which does,
 * is for the simulator alone, and a test sees to it that no program names it.
 */
import type { Links } from './links/index.ts'
import type { execute } from './section/index.ts'

export type Alterations = {
  /** What all layers see instead of the links. */
  readonly links?: (links: Links) => Links
  /** What a member runs instead of the section. */
  readonly execute?: typeof execute
}
