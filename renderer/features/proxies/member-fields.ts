/** How the members of a group are searched: `type:vmess delay:<200 state:alive`. */
import type { SearchFields } from '../../text/filter.ts';
import type { MemberEntry } from './member-list.ts';

export const memberKey = ({ name }: MemberEntry): string => name;

export const memberSearch: SearchFields<MemberEntry> = {
  fields: {
    name: ({ name }) => [name],
    type: ({ row }) => [row?.kind],
    state: ({ state }) => [state],
    udp: ({ row }) => [row === undefined ? undefined : row.udp ? 'yes' : 'no'],
  },
  numbers: { delay: ({ state, last }) => (state === 'alive' ? (last?.ms ?? undefined) : undefined) },
  text: ({ name, row }) => `${name} ${row?.kind ?? ''}`.toLowerCase(),
};
