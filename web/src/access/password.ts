/** Letters and digits that nobody takes for each other. */
const LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** A password that somebody is told once, of about 116 bits. */
export function newPassword(): string {
  const made: string[] = [];
  while (made.length < 20) {
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < 256 - (256 % LETTERS.length)) made.push(LETTERS[byte % LETTERS.length]!);
  }
  return made.join("");
}
