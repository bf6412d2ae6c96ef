// A protected resource that nobody here wrote, for tests/real: oauth4webapi verifies every access token (RFC 9068) and
// the DPoP proof that comes with it (RFC 9449 section 7.1), on 127.0.0.1.
//
// Started with the issuer and the audience of the tokens that it takes. Writes `ready PORT` when it listens; answers
// 200 with the token's claims, or 401 with what is wrong. Ends on SIGTERM, and with its standard input.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi';

const [issuer, audience] = process.argv.slice(2);
const authorizationServer = { issuer, jwks_uri: `${issuer}/jwks` };
const options = { requireDPoP: true, [allowInsecureRequests]: true };
const seen = new Set();

function jti(proof) {
  return JSON.parse(Buffer.from(proof.split('.')[1], 'base64url')).jti;
}

async function judged({ method, url, headers }) {
  const request = new Request(`http://${headers.host}${url}`, {
    method,
    headers: { authorization: headers.authorization ?? '', dpop: headers.dpop ?? '' },
  });
  const claims = await validateJwtAccessToken(authorizationServer, request, audience, options);
  if (seen.has(jti(headers.dpop))) throw new Error('the proof was used before'); // left to its user, section 11.1
  seen.add(jti(headers.dpop));
  return claims;
}

const server = createServer((request, response) => {
  request.resume().on('end', () => judged(request).then(
    (claims) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(claims)),
    (error) => response.writeHead(401, { 'WWW-Authenticate': 'DPoP error="invalid_dpop_proof"' }).end(error.message),
  ));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdin.resume().on('end', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
console.log(`ready ${server.address().port}`);
