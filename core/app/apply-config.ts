/** Hands a configuration to the helper, with what is in its sets as far as the helper does not have it. */
import { createHash } from 'node:crypto';
import { AppError } from '../base/app-error.ts';
import type { Config } from '../contract/config.ts';
import { blobPartBytes } from '../contract/sets.ts';
import type { HelperClient } from './helper-client.ts';

/** What is in a set, by its sha256; undefined when it is not there any more. */
export type BlobSource = (sha256: string) => Buffer | undefined;

/** Sets that were handed over, of how many. */
export interface HandOver {
  readonly sets: number;
  readonly of: number;
}

export interface ApplyOptions {
  /** Ends it before the next message; what the helper has by then stays there for the next attempt. */
  readonly signal?: AbortSignal;
  /** Which profile it is. */
  readonly profile?: string | undefined;
  readonly onProgress?: (progress: HandOver) => void;
}

type Helper = Pick<HelperClient, 'call'>;

/** Another app of this user's may apply another configuration meanwhile, whose blobs take the place of ours. */
const maxRounds = 4;

/**
 * Rejects as `applyConfig` and `putBlob` do, and with the signal's reason. A set of which nothing is there any more is applied as one
 * that cannot be had.
 */
export async function applyConfig(
  helper: Helper,
  config: Config,
  blobs: BlobSource,
  { signal, profile, onProgress }: ApplyOptions = {},
): Promise<{ readonly hash: string }> {
  let wanted = config;
  for (let round = 0; round < maxRounds; round++) {
    signal?.throwIfAborted();
    const { hash, lacks = [] } = await helper.call('applyConfig', {
      config: wanted,
      ...(profile === undefined ? {} : { profile }),
    });
    if (lacks.length === 0) return { hash };
    for (const [sets, sha256] of lacks.entries()) {
      onProgress?.({ sets, of: lacks.length });
      const bytes = blobs(sha256);
      if (bytes !== undefined && createHash('sha256').update(bytes).digest('hex') === sha256)
        await put(helper, sha256, bytes, signal);
      else wanted = without(wanted, sha256);
    }
    onProgress?.({ sets: lacks.length, of: lacks.length });
  }
  throw new AppError('RPC_BUSY', 'the rule sets of this profile do not stay with the helper');
}

async function put(helper: Helper, sha256: string, bytes: Buffer, signal: AbortSignal | undefined): Promise<void> {
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += blobPartBytes) {
    signal?.throwIfAborted();
    const data = bytes.toString('base64', offset, offset + blobPartBytes);
    const { done } = await helper.call('putBlob', { sha256, size: bytes.length, offset, data });
    // Another app of this user's may have handed over the rest.
    if (done) return;
  }
}

function without(config: Config, sha256: string): Config {
  const sets = config.sets.map((set) =>
    set.blob === sha256 ? { ...set, blob: null, missing: 'NOT_FETCHED' as const } : set,
  );
  return { ...config, sets };
}
