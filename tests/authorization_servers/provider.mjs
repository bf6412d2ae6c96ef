// An authorization server that nobody here wrote, for tests/real: oidc-provider on 127.0.0.1.
//
// The first line of standard input is a JSON object:
//
//   port     0 for any
//   clients  metadata of RFC 7591, with `lifetime_s` of a client's tokens, and `dpop_requires_nonce`
//   dpop     whether it knows DPoP (RFC 9449); true if left out
//   tls      {cert, key, ca}, PEM texts: it also listens with TLS on another port, asks for certificates there, takes
//            those of `ca` for verified ones, and names that port among `mtls_endpoint_aliases` (RFC 8705)
//   secure   whether the first port speaks TLS too; it asks for no certificate
//
// Writes `ready PORT [TLS PORT]` when it listens. Each further line is answered with `done COUNTS`, how many requests
// came so far, by scheme, method and path:
//
//   clients      are added, or take the place of those of the same name
//   drop_tokens  forgets all access tokens, in the same instant
//   holds        true: token requests wait, until false
//   rotates      true: signs with a new key from now on, and goes on publishing the others
//
// A resource (RFC 8707) makes a token a JWT; without one it is opaque, can be introspected (RFC 7662) and revoked
// (RFC 7009). Ends on SIGTERM, and with its standard input.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createInterface } from 'node:readline';

import { Provider } from 'oidc-provider';

const SCOPES = ['orders.read', 'orders.write', 'users.read', 'customers.read'];
const LIFETIME_S = 600;
const ALGORITHMS = ['HS', 'RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits))
  .concat('EdDSA');

const nonceSecret = randomBytes(32);
const clientMap = new Map();
const tokens = new Map();
const counts = {};

// Clients can be replaced, and all tokens forgotten, as a database's could. What expires is found out by the models.
class MapAdapter {
  constructor(model) {
    this.map = { Client: clientMap, ClientCredentials: tokens }[model] ?? new Map();
  }

  async upsert(id, payload) { this.map.set(id, payload); }

  async find(id) { return this.map.get(id); }

  async destroy(id) { this.map.delete(id); }
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

const keys = [signingKey()];

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

function configuration({ dpop = true }, aliases) {
  return {
    adapter: MapAdapter,
    discovery: aliases && { mtls_endpoint_aliases: aliases },
    scopes: SCOPES,
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
      'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: ALGORITHMS,
      dPoPSigningAlgValues: ALGORITHMS.filter((algorithm) => !algorithm.startsWith('HS')),
    },
    extraClientMetadata: { properties: ['lifetime_s', 'dpop_requires_nonce'] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    jwks: { keys },
    ttl: { ClientCredentials: lifetime },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: dpop, nonceSecret, requireNonce: (ctx) => ctx.oidc.client.dpop_requires_nonce ?? false },
      mTLS,
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators,
      revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    },
  };
}

function counted(request) {
  const key = `${request.socket.encrypted ? 'https' : 'http'} ${request.method} ${request.url}`;
  counts[key] = (counts[key] ?? 0) + 1;
}

async function listening(server, port) {
  server.on('request', counted).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

process.on('SIGTERM', () => process.exit(0));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { port, clients, tls, secure, ...settings } = JSON.parse((await lines.next()).value);
const servers = [secure ? createTlsServer({ cert: tls.cert, key: tls.key }) : createServer()];
const ports = [await listening(servers[0], port)];
let aliases;
if (tls) {
  servers.push(createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }));
  ports.push(await listening(servers[1], 0));
  const at = (path) => `https://127.0.0.1:${ports[1]}${path}`;
  aliases = { token_endpoint: at('/token'), revocation_endpoint: at('/token/revocation') };
}
// The issuer names the port, and so the provider is built when the ports are known.
const issuer = `${secure ? 'https' : 'http'}://127.0.0.1:${ports[0]}`;
let provider;
let answer;

function provide() {
  provider = new Provider(issuer, configuration(settings, aliases));
  answer = provider.callback();
}

provide();

async function replace(some) {
  for (const client of some) {
    await provider.Client.validate(client);
    clientMap.set(client.client_id, client);
  }
}

let gate;
let release;

async function serve(request, response) {
  if (request.url === '/token') await gate;
  answer(request, response);
}

await replace(clients);
servers.forEach((server) => server.on('request', serve));
console.log(`ready ${ports.join(' ')}`);
for await (const line of lines) {
  const told = JSON.parse(line);
  await replace(told.clients ?? []);
  if (told.drop_tokens) tokens.clear();
  if (told.rotates) {
    keys.unshift(signingKey());
    provide();
  }
  if (told.holds) gate = new Promise((resolve) => { release = resolve; });
  if (told.holds === false) release();
  console.log(`done ${JSON.stringify(counts)}`);
}
process.exit(0);
