/** What the servers of the far machine do, by port. */
export const ports = {
  /** Sends back what it gets; TCP and UDP. UDP `size N` is answered with N bytes. */
  echo: 7,
  /** Reads to the end, then answers with the SHA-256. */
  sink: 9001,
  /** Is told a number and sends as many bytes of the pattern. */
  source: 9002,
  /** Says something, sends FIN at once, reads to the end. */
  halfClose: 9003,
  /** Resets the connection at the first byte. */
  reset: 9004,
  /** Says hello and notes how the connection ends. */
  watch: 9005,
  /** Says bye and closes first. */
  close: 9006,
  /** UDP: answers with the address and port that a datagram came from. */
  mapping: 9007,
  /** Nobody listens. */
  nobody: 9999,
} as const;
