/** What a link says of the layer below the protocol, in the keys of a profile. */
import { present } from './link-text.ts';

export interface LinkTransport {
  /** `tcp`, `ws`, `grpc`, `h2`, `http`, ... */
  readonly network: string;
  readonly host: string;
  readonly path: string;
  readonly headerType: string;
  readonly serviceName: string;
}

export function transportOf({ network, host, path, headerType, serviceName }: LinkTransport): Record<string, unknown> {
  const headers = host === '' ? {} : { headers: { Host: host } };
  switch (network.toLowerCase()) {
    case 'ws':
      return { network: 'ws', 'ws-opts': { path: path || '/', ...headers } };
    case 'httpupgrade':
      return { network: 'ws', 'ws-opts': { path: path || '/', ...headers, 'v2ray-http-upgrade': true } };
    case 'grpc':
      return { network: 'grpc', 'grpc-opts': { 'grpc-service-name': serviceName } };
    case 'h2':
    case 'http':
      return {
        network: 'h2',
        'h2-opts': present({ path: path || '/', host: host === '' ? undefined : host.split(',') }),
      };
    case 'xhttp':
    case 'splithttp':
      return { network: 'xhttp', 'xhttp-opts': present({ path: path || '/', host }) };
    default:
      if (headerType.toLowerCase() !== 'http') return {};
      return {
        network: 'http',
        'http-opts': { path: [path || '/'], ...(host === '' ? {} : { headers: { Host: host.split(',') } }) },
      };
  }
}
