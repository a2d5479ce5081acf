/** Our TUN as it was made. */
export interface OwnDevice {
  readonly name: string;
  readonly index: number;
  readonly addresses: readonly string[];
}
