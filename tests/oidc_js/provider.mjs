// A certified OpenID provider (npm oidc-provider) on loopback, with two people. Arguments: port, redirect address.
// PKCE is required, and every answer names its issuer (RFC 9207).
import { Provider } from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = { ada: ['it', 'leads'], bo: ['sales-reviewers'], cy: [] };
const provider = new Provider(issuer, {
  clients: [{ client_id: 'homecheck', client_secret: 'a secret of thirty-two characters', redirect_uris: [redirect] }],
  claims: { openid: ['sub', 'groups'], profile: ['preferred_username'], email: ['email'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, groups: people[id] ?? [], preferred_username: `${id}@example.com` }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
