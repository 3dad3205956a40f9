/** Of ES2024; Node 20 has these parts of it. */
interface ResizableBuffer extends ArrayBuffer {
  readonly resizable: boolean;
  resize(bytes: number): void;
}
const ResizableBuffer = ArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => ResizableBuffer;

/**
 * A large buffer of which `freeStateBuffer` gives the memory back at once. Others wait for the garbage collector, which
 * does not hurry: a cache of 256 MiB was seen to hold 100 MiB more.
 */
export function stateBuffer(bytes: number): ArrayBuffer {
  return new ResizableBuffer(bytes, { maxByteLength: bytes });
}

/** Its contents are gone. A buffer that was not made by `stateBuffer` is left to the garbage collector. */
export function freeStateBuffer(buffer: ArrayBufferLike): void {
  const known = buffer as Partial<Pick<ResizableBuffer, "resizable" | "resize">>;
  if (known.resizable) known.resize!(0);
}
