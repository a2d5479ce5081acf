/** A fake address with its amber mark, so that it is never taken for a real one. */
import { plainText } from '../text/plain-text.ts';
import './chip.css';

export function FakeAddress({ address }: { address: string }) {
  return <span className="fake-address mono">{plainText(address, 64)}</span>;
}
