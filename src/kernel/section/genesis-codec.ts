/** Encoding of the genesis document. Its hash is the world id. @pure */
import { decode, encode, type Reader, type Writer } from '../../base/codec.ts'
import { type DomainId, domainIdBytes, type NodeId, nodeIdBytes } from '../../base/ids.ts'
import { ownBlob } from './codec-block.ts'
import { readObject, readReplicas, readTag } from './codec-operation.ts'
import { readDomain, readPrincipal, writeDomain, writePrincipal } from './codec-view.ts'
import type { Genesis, GenesisDirectory, GenesisMember } from './genesis-interface.ts'
import {
  attributesBytesMax,
  genesisDirectoriesMax,
  genesisDomainsMax,
  genesisMembersMax,
  genesisPathBytesMax,
  genesisPrincipalsMax,
  sealedBlockNameKeyBytesMax,
  sealedNameBytesMax,
  wrappedKeysBytesMax,
} from './limits.ts'

const keyBytes = 32
const saltBytes = 32
const Role = { Member: 1, Storage: 2 } as const
const roles = Object.values(Role)

function writeMember(writer: Writer, member: GenesisMember): void {
  writer.hex(member.node).fixed(member.linkKey).fixed(member.consensusKey)
  writer.u8(member.role === 'member' ? Role.Member : Role.Storage).u8(member.weight)
}

const readMember = (reader: Reader): GenesisMember => ({
  node: reader.hex(nodeIdBytes) as NodeId,
  linkKey: reader.fixed(keyBytes).slice(),
  consensusKey: reader.fixed(keyBytes).slice(),
  role: reader.oneOf(roles) === Role.Member ? 'member' : 'storage',
  weight: reader.u8(),
})

function writeDirectory(writer: Writer, directory: GenesisDirectory): void {
  const { view } = directory
  writer.hex(view.object).hex(view.domain).u32(view.domainEpoch).u32(view.keyEpoch)
  writer.blob(view.wrappedKeys).u8(view.replicas).blob(view.attributes)
  writer.option(directory.parent, (inner, id) => inner.hex(id))
  writer.option(directory.entryTag, (inner, tag) => inner.hex(tag))
  writer.option(directory.sealedName, (inner, name) => inner.blob(name))
}

const readDirectory = (reader: Reader): GenesisDirectory => ({
  view: {
    object: readObject(reader),
    domain: reader.hex(domainIdBytes) as DomainId,
    domainEpoch: reader.u32(),
    keyEpoch: reader.u32(),
    wrappedKeys: ownBlob(reader, wrappedKeysBytesMax),
    replicas: readReplicas(reader),
    attributes: ownBlob(reader, attributesBytesMax),
  },
  parent: reader.option(readObject),
  entryTag: reader.option(readTag),
  sealedName: reader.option((inner) => ownBlob(inner, sealedNameBytesMax)),
})

/** The one encoding of a genesis document. */
export const encodeGenesis = (genesis: Genesis): Uint8Array =>
  encode((writer) => {
    writer.u32(genesis.protocol).fixed(genesis.salt).u64(genesis.createdMs)
    writer.list(genesis.members, writeMember).u8(genesis.defaultReplicas)
    writer.list(genesis.principals, writePrincipal).list(genesis.domains, writeDomain)
    writer.list(genesis.directories, writeDirectory).blob(genesis.sealedBlockNameKey)
    writer.list(genesis.domainOfPath, (inner, { path, domain }) => {
      inner.text(path).hex(domain)
    })
    // At the end, and only where it is not the default: documents without it stay what they are.
    if (genesis.quorum !== undefined) writer.u8(genesis.quorum)
  }, 4096)

/**
 * Decodes only; `checkGenesis` says whether the document makes sense.
 *
 * @throws CodecError
 */
export const decodeGenesis = (bytes: Uint8Array): Genesis =>
  decode(bytes, (reader) => {
    const genesis = {
      protocol: reader.u32(),
      salt: reader.fixed(saltBytes).slice(),
      createdMs: reader.u64(),
      members: reader.list(genesisMembersMax, readMember),
      defaultReplicas: readReplicas(reader),
      principals: reader.list(genesisPrincipalsMax, readPrincipal),
      domains: reader.list(genesisDomainsMax, readDomain),
      directories: reader.list(genesisDirectoriesMax, readDirectory),
      sealedBlockNameKey: ownBlob(reader, sealedBlockNameKeyBytesMax),
      domainOfPath: reader.list(genesisDirectoriesMax, (inner) => ({
        path: inner.text(genesisPathBytesMax),
        domain: inner.hex(domainIdBytes) as DomainId,
      })),
    }
    if (reader.remainingBytes === 0) return genesis
    const quorum = reader.u8()
    return quorum === 0 ? reader.refuse('a quorum of nobody') : { ...genesis, quorum }
  })
