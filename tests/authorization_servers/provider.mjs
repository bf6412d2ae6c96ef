// An authorization server that nobody here wrote, for tests/real: oidc-provider on 127.0.0.1.
//
// Standard input holds one JSON document: {"port": 0, "clients": [...]}. A client is its metadata of
// RFC 7591, and `lifetime_s` of its tokens. The resource https://api.example.com (RFC 8707) makes a token
// a JWT; without a resource it is opaque, can be introspected (RFC 7662) and revoked (RFC 7009).
//
// Writes `ready PORT` when it listens, and ends on SIGTERM.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

import { Provider } from 'oidc-provider';

const SCOPES = ['orders.read', 'orders.write', 'users.read'];
const LIFETIME_S = 600;

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

function lifetime(ctx, token, client) {
  return client.lifetime_s ?? LIFETIME_S;
}

const resourceIndicators = {
  enabled: true,
  getResourceServerInfo: (ctx, resource, client) => ({
    audience: resource,
    scope: SCOPES.join(' '),
    accessTokenTTL: lifetime(ctx, undefined, client),
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  }),
};

function configuration(clients) {
  return {
    clients,
    scopes: SCOPES,
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    extraClientMetadata: { properties: ['lifetime_s'] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    jwks: { keys: [signingKey()] },
    ttl: { ClientCredentials: lifetime },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators,
      revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    },
  };
}

const { port, clients } = await json(process.stdin);
const server = createServer().listen(port, '127.0.0.1');
await once(server, 'listening');
// The issuer names the port, and so the provider is built when the port is known.
const bound = server.address().port;
server.on('request', new Provider(`http://127.0.0.1:${bound}`, configuration(clients)).callback());
process.on('SIGTERM', () => process.exit(0));
console.log(`ready ${bound}`);
