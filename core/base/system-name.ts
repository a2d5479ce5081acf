/** What this operating system is called (`process.platform`), to be told to people; `system/platform.ts` alone decides by it. */
export const systemName: string = process.platform;
