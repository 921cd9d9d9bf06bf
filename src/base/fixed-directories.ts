/** Directories that every world is made with: never removed, renamed or replaced. */
export const fixedDirectories: readonly string[] = ['/public', '/home', '/apps']
