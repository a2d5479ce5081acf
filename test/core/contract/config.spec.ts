import { expect, test } from 'vitest';
import { appMethods } from '../../../core/contract/app.ts';
import { configSchema, defaultConfig } from '../../../core/contract/config.ts';
import { methods, topics } from '../../../core/contract/rpc.ts';

test('the built-in default is valid, and unknown fields are refused', () => {
  expect(configSchema.parse(defaultConfig)).toEqual(defaultConfig);
  expect(configSchema.safeParse({ ...defaultConfig, path: '/etc/passwd' }).success).toBe(false);
  expect(configSchema.safeParse({ ...defaultConfig, tun: { ...defaultConfig.tun, device: '../x' } }).success).toBe(
    false,
  );
});

test('every method refuses unknown parameters; a viewer cannot apply configurations or become persistent', () => {
  for (const [name, method] of Object.entries(methods))
    expect(method.params.safeParse({ surprise: 1 }).success, name).toBe(false);
  expect(Object.keys(appMethods)).not.toContain('applyConfig');
  expect(appMethods.setEnhanced.params.safeParse({ on: true, mode: 'persistent' }).success).toBe(false);
});

test('each topic names a field of its rows as key, and its counters', () => {
  for (const topic of Object.values(topics)) {
    const fields = Object.keys(topic.row.shape);
    expect(fields).toEqual(expect.arrayContaining([topic.key, ...topic.counters]));
  }
});
