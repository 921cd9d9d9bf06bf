/** The form of one rule, and the parts of the tree that rules speak of. */
import type { Lexed } from '../source/lex.ts'
import { lex, lineAt } from '../source/lex.ts'

export type SourceFile = { readonly path: string } & Lexed

/** What a rule found, without the path, which the caller knows. */
export type Finding = { readonly line: number; readonly message: string }

export type Rule = {
  readonly name: string
  readonly appliesTo: (path: string) => boolean
  readonly check: (file: SourceFile) => Finding[]
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, ...lex(text) }
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('test/')
}

export function isScript(path: string): boolean {
  return /\.(?:ts|mts|tsx|js|mjs)$/.test(path)
}

/** Source that is part of a program, as against tests and tools. */
export function isProgram(path: string): boolean {
  return path.startsWith('src/') && isScript(path) && !isTest(path)
}

/** Folders whose code must run the same everywhere: their world is the ports, nothing else. */
export const repeatableFolders: readonly string[] = [
  ...['src/base', 'src/ports', 'src/wire', 'src/kernel', 'src/simulator'],
  ...['src/host', 'src/delivery', 'src/manufactory', 'src/installer'],
]

export function isRepeatable(path: string): boolean {
  return isProgram(path) && repeatableFolders.some((folder) => path.startsWith(`${folder}/`))
}

/** One finding for each place where `pattern` (with flag g) matches. */
export function findAll(text: string, pattern: RegExp, message: string): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    line: lineAt(text, match.index),
    message: message.replaceAll('$&', match[0].trim()),
  }))
}
