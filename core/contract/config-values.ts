/** The plain values that the schemas of a configuration have in common. */
import { z } from 'zod';

export const port = z.number().int().min(1).max(65_535);
/** A name, an address or a prefix. */
export const text = z.string().min(1).max(255);
/** Never appears in a snapshot, an event, a log or a problem report. */
export const secret = z.string().max(255);
/** Characters of a certificate, an authority or a key. */
export const maxPem = 65_536;
/** One of these (RFC 7468). */
export const pem = z.string().max(maxPem);
/** Patterns of names, as `+.example.com`. */
export const patterns = z.array(text).max(100_000);
