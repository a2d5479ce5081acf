/** What was typed into the simulator as a destination: `example.com`, `example.com:8443`, `https://example.com/x`, `[::1]:53`. */

export interface Target {
  readonly host: string;
  /** As typed; undefined when only the port field tells. */
  readonly port: number | undefined;
}

const schemePorts: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 };

/** Undefined when there is no host in it. */
export function parseTarget(text: string): Target | undefined {
  const match =
    /^(?:([a-z][a-z0-9+.-]*):\/\/(?:[^/?#]*@)?)?(?:\[([0-9a-f:.]+)\]|([^\s/:?#[\]]+)|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::(\d{1,5}))?(?:[/?#].*)?$/i.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, scheme, bracketed, name, bare, digits] = match;
  const host = bracketed ?? name ?? bare;
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || (port !== undefined && port > 65_535)) return undefined;
  return { host, port: port ?? (scheme === undefined ? undefined : schemePorts[scheme.toLowerCase()]) };
}
