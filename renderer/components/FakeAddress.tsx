/** A fake address with its amber mark, so that it is never taken for a real one. */
import { plainText } from '../text/plain-text.ts';
import './chip.css';

export function FakeAddress({ address }: { address: string }) {
  const plain = plainText(address, 64);
  return (
    <span className="fake-address mono" title={plain}>
      {plain}
    </span>
  );
}
