/** Every commit of the crash test writes this many entries. */
export const partCount = 3

export function numberKey(number: number, part: number): Uint8Array {
  const key = new Uint8Array(5)
  const view = new DataView(key.buffer)
  view.setUint32(0, number)
  view.setUint8(4, part)
  return key
}
