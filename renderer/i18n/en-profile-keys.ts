/** What becomes of the keys of a profile, in English. */
export const enProfileKeys = {
  fates: {
    error: 'error',
    warning: 'warning',
    later: 'not supported yet',
    differently: 'supported differently',
    ignored: 'ignored',
    supported: 'supported',
  },
  inOverride: 'in the override',
};
