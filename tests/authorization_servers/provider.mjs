// An authorization server that nobody here wrote, for tests/real: oidc-provider on 127.0.0.1.
//
// Standard input holds one JSON document: {"port": 0, "clients": [...], "tls": {"cert", "key", "ca"}}. A client is
// its metadata of RFC 7591, and `lifetime_s` of its tokens. With `tls` (PEM texts) the same server also listens
// with TLS on another port, asks for certificates (RFC 8705) and takes those of `ca` for verified ones. The resource https://api.example.com (RFC 8707) makes a token
// a JWT; without a resource it is opaque, can be introspected (RFC 7662) and revoked (RFC 7009).
//
// Writes `ready PORT [TLS PORT]` when it listens, and ends on SIGTERM.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { json } from 'node:stream/consumers';

import { Provider } from 'oidc-provider';

const SCOPES = ['orders.read', 'orders.write', 'users.read'];
const LIFETIME_S = 600;
const ALGORITHMS = ['HS', 'RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits))
  .concat('EdDSA');

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

const mTLS = {
  enabled: true,
  certificateBoundAccessTokens: true,
  selfSignedTlsClientAuth: true,
  tlsClientAuth: true,
  getCertificate: (ctx) => ctx.req.socket.getPeerX509Certificate?.(),
  certificateAuthorized: (ctx) => ctx.req.socket.authorized,
  certificateSubjectMatches: (ctx, property, expected) =>
    property === 'tls_client_auth_subject_dn'
    && ctx.req.socket.getPeerX509Certificate().subject === expected,
};

function configuration(clients) {
  return {
    clients,
    scopes: SCOPES,
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
      'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    enabledJWA: { clientAuthSigningAlgValues: ALGORITHMS },
    extraClientMetadata: { properties: ['lifetime_s'] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    jwks: { keys: [signingKey()] },
    ttl: { ClientCredentials: lifetime },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      mTLS,
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators,
      revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    },
  };
}

const { port, clients, tls } = await json(process.stdin);
const server = createServer().listen(port, '127.0.0.1');
await once(server, 'listening');
// The issuer names the port, and so the provider is built when the port is known.
const bound = server.address().port;
const answer = new Provider(`http://127.0.0.1:${bound}`, configuration(clients)).callback();
server.on('request', answer);
const ports = [bound];
if (tls) {
  const options = { ...tls, requestCert: true, rejectUnauthorized: false };
  const tlsServer = createTlsServer(options, answer).listen(0, '127.0.0.1');
  await once(tlsServer, 'listening');
  ports.push(tlsServer.address().port);
}
process.on('SIGTERM', () => process.exit(0));
console.log(`ready ${ports.join(' ')}`);
