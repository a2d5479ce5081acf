/** What the Profiles page says, in English. */
export const enProfiles = {
  title: 'Profiles',
  list: 'Profiles',
  emptyTitle: 'No profile yet',
  emptyText: 'The built-in default holds: every connection goes DIRECT.',
  inUse: 'In use',
  use: 'Use',
  useNamed: 'Use the profile {{name}}',
  used: '{{name}} is in use. Open connections stay as they are.',
  useFailed: 'The profile could not be used',
  reload: 'Reload profile',
  reloaded: 'Profile reloaded',
  reloadedWith_one: 'Profile read, with {{count}} problem',
  reloadedWith_other: 'Profile read, with {{count}} problems',
  reloadFailed: 'The profile could not be reloaded',
  report: 'The profile in use',
  noProblems: 'No problems found.',
};
