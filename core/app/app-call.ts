/** The one door for calls that arrive from outside the app process: name and parameters are checked against the contract. */
import { AppError } from '../base/app-error.ts';
import { type AppMethodName, type AppResult, appMethods, type MirageBridge } from '../contract/app.ts';

/** Rejects with `RPC_UNKNOWN_METHOD`, `RPC_BAD_PARAMS`, or whatever the method itself says. */
export async function callApp(
  bridge: Pick<MirageBridge, 'call'>,
  method: string,
  params: unknown,
): Promise<AppResult<AppMethodName>> {
  if (!isAppMethod(method)) throw new AppError('RPC_UNKNOWN_METHOD', `there is no method "${method}"`);
  const checked = appMethods[method].params.safeParse(params);
  if (checked.success) return await bridge.call(method, checked.data);
  const [issue] = checked.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : ` ${issue.path.join('.')}:`;
  throw new AppError('RPC_BAD_PARAMS', `${method}:${place} ${issue?.message ?? 'not what was expected'}`);
}

function isAppMethod(name: string): name is AppMethodName {
  return Object.hasOwn(appMethods, name);
}
