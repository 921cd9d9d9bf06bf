/** Who may do what, by the section's own rules. docs/spec/operations.md section 2. @pure */
import type { DomainId, PrincipalId } from '../../base/ids.ts'
import { type DomainView, type PrincipalView, Rights } from './interface.ts'
import type { SectionState } from './state.ts'

/** Who acts: the session's principal and the user behind it. */
export type Actor = {
  readonly principal: PrincipalView
  readonly owner: PrincipalId
}

/** The actor of a principal, undefined when it or its owner is unknown, revoked or expired. */
export function actorOf(
  state: Pick<SectionState, 'principals' | 'effectiveMs'>,
  principal: PrincipalId,
): Actor | undefined {
  const found = state.principals.get(principal)
  const owner = found === undefined ? undefined : state.principals.get(found.owner)
  if (found === undefined || owner === undefined) return undefined
  const { effectiveMs } = state
  for (const { revoked, expiryMs } of [found, owner]) {
    if (revoked || expiryMs <= effectiveMs) return undefined
  }
  return { principal: found, owner: found.owner }
}

/** Rights of the actor in a domain: its grants, its owner's and everyone's, within its own mask. */
export function rightsIn(domain: DomainView, actor: Actor): number {
  let rights = 0
  for (const grant of domain.grants) {
    if (
      grant.principal === 'everyone' ||
      grant.principal === actor.principal.principal ||
      grant.principal === actor.owner
    ) {
      rights |= grant.rights
    }
  }
  return rights & actor.principal.rights
}

type Domains = Pick<SectionState, 'domains'>

/** New objects and new names. */
export function mayCreate(state: Domains, domain: DomainId, actor: Actor): boolean {
  const view = state.domains.get(domain)
  return view !== undefined && (rightsIn(view, actor) & Rights.Create) !== 0
}

/** Change what `creator` made in `domain`. */
export function mayWrite(
  state: Domains,
  made: { readonly domain: DomainId; readonly creator: PrincipalId },
  actor: Actor,
): boolean {
  const view = state.domains.get(made.domain)
  if (view === undefined) return false
  const rights = rightsIn(view, actor)
  if (!view.ownOnly) return (rights & Rights.Write) !== 0
  if (made.creator === actor.owner) return (rights & (Rights.Write | Rights.Create)) !== 0
  return (rights & Rights.Write) !== 0 && (rights & Rights.Admin) !== 0
}
