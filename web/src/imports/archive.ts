/** Reads tar and zip archives, gzipped or not, in the browser: names and contents, and nothing else of them. */

/** Of all files together, unpacked. */
export const MOST_BYTES = 256 * 1024 * 1024;

export type Files = Map<string, Uint8Array>;

const TEXT = new TextDecoder();

export async function unpack(bytes: Uint8Array): Promise<Files> {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return unpack(await inflated(bytes, "gzip"));
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return unzip(bytes);
  if (TEXT.decode(bytes.subarray(257, 262)) === "ustar") return untar(bytes);
  throw new Error("This is neither a zip nor a tar archive.");
}

async function inflated(bytes: Uint8Array, format: CompressionFormat): Promise<Uint8Array> {
  const reader = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    size += piece.value.length;
    if (size > MOST_BYTES) throw new Error(`Unpacked, the archive is larger than ${MOST_BYTES / 1024 / 1024} MiB.`);
    pieces.push(piece.value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function untar(bytes: Uint8Array): Files {
  const files: Files = new Map();
  let longName = "";
  for (let at = 0; at + 512 <= bytes.length; ) {
    const head = bytes.subarray(at, at + 512);
    if (head.every((byte) => byte === 0)) break;
    const size = parseInt(field(head, 124, 12), 8) || 0;
    const kind = String.fromCharCode(head[156] ?? 0);
    const body = bytes.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
    if (kind === "L") longName = TEXT.decode(body).replace(/\0+$/, "");
    else if (kind === "x") longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(TEXT.decode(body))?.[1] ?? "";
    else {
      const prefix = field(head, 345, 155);
      const name = longName || (prefix ? `${prefix}/${field(head, 0, 100)}` : field(head, 0, 100));
      longName = "";
      if (kind === "0" || kind === "\0") files.set(name, body);
    }
  }
  return files;
}

function field(head: Uint8Array, from: number, length: number): string {
  const text = TEXT.decode(head.subarray(from, from + length));
  const end = text.indexOf("\0");
  return (end === -1 ? text : text.slice(0, end)).trim();
}

async function unzip(bytes: Uint8Array): Promise<Files> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new Error("The zip archive breaks off: its index is not there.");
  const files: Files = new Map();
  let left = MOST_BYTES;
  let at = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0; count -= 1) {
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const name = TEXT.decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (name.endsWith("/")) continue;
    if (method !== 0 && method !== 8) throw new Error(`${name} is packed in a way that is not read here (${method}).`);
    const body = bytes.subarray(start, start + packed);
    const file = method === 0 ? body : await inflated(body, "deflate-raw");
    left -= file.length;
    if (left < 0) throw new Error(`Unpacked, the archive is larger than ${MOST_BYTES / 1024 / 1024} MiB.`);
    files.set(name, file);
  }
  return files;
}
