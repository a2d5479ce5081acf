/** The sign of Mirage: a sun on the horizon and its inverted reflection. */
export function BrandMark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path fill="currentColor" d="M5 11.25a7 7 0 0 1 14 0z" />
      <path fill="currentColor" opacity="0.5" d="M6.9 15.4h10.2a7 7 0 0 1-1.5 2H8.4a7 7 0 0 1-1.5-2z" />
      <path fill="currentColor" opacity="0.28" d="M9.6 18.9h4.8a7 7 0 0 1-4.8 0z" />
      <path stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" d="M2.5 13.3h19" />
    </svg>
  );
}
