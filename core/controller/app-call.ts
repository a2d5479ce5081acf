/** The one door for calls that arrive from outside the app process: name and parameters are checked against the contract. */

import type { z } from 'zod';
import { AppError } from '../base/app-error.ts';
import { type AppMethodName, type AppParams, type AppResult, appMethods, type MirageBridge } from '../contract/app.ts';

type Caller = Pick<MirageBridge, 'call'>;
type Handler<M extends AppMethodName> = (bridge: Caller, params: unknown) => Promise<AppResult<M>>;

const handlers: { readonly [M in AppMethodName]: Handler<M> } = {
  getSnapshot: checked('getSnapshot', appMethods.getSnapshot.params),
  setEnhanced: checked('setEnhanced', appMethods.setEnhanced.params),
  setSwitches: checked('setSwitches', appMethods.setSwitches.params),
  listRules: checked('listRules', appMethods.listRules.params),
  closeFlows: checked('closeFlows', appMethods.closeFlows.params),
  testRule: checked('testRule', appMethods.testRule.params),
  dnsQuery: checked('dnsQuery', appMethods.dnsQuery.params),
  flushDnsCache: checked('flushDnsCache', appMethods.flushDnsCache.params),
  flushFakeIp: checked('flushFakeIp', appMethods.flushFakeIp.params),
  changeMappings: checked('changeMappings', appMethods.changeMappings.params),
  restore: checked('restore', appMethods.restore.params),
  getAppInfo: checked('getAppInfo', appMethods.getAppInfo.params),
  reloadProfile: checked('reloadProfile', appMethods.reloadProfile.params),
};

/** Rejects with `RPC_UNKNOWN_METHOD`, `RPC_BAD_PARAMS`, or whatever the method itself says. */
export async function callApp(bridge: Caller, method: string, params: unknown): Promise<AppResult<AppMethodName>> {
  if (!isAppMethod(method)) throw new AppError('RPC_UNKNOWN_METHOD', `there is no method "${method}"`);
  return await handlers[method](bridge, params);
}

function isAppMethod(name: string): name is AppMethodName {
  return Object.hasOwn(handlers, name);
}

function checked<M extends AppMethodName>(method: M, schema: z.ZodType<AppParams<M>>): Handler<M> {
  return (bridge, params) => {
    const result = schema.safeParse(params);
    if (result.success) return bridge.call(method, result.data);
    const [issue] = result.error.issues;
    const place = issue === undefined || issue.path.length === 0 ? '' : ` ${issue.path.join('.')}:`;
    throw new AppError('RPC_BAD_PARAMS', `${method}:${place} ${issue?.message ?? 'not what was expected'}`);
  };
}
