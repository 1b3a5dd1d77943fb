// An OpenID provider for the tests: everybody may sign in, with any password.
import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const GROUPS = { ann: ["staff", "unknown"], ben: [] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "shop",
      client_secret: "a secret: of & the = shop",
      redirect_uris: ["http://127.0.0.1/back"],
      grant_types: ["authorization_code"],
    },
    {
      client_id: "public",
      token_endpoint_auth_method: "none",
      redirect_uris: ["http://127.0.0.1/back"],
      grant_types: ["authorization_code"],
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  scopes: ["openid", "profile", "groups"],
  pkce: { required: () => true, methods: ["S256"] },
  cookies: { keys: ["only for tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, groups: GROUPS[id] ?? [] }),
  }),
});

// The tests' own server gets a free port, which nobody knows before.
provider.Client.prototype.redirectUriAllowed = (address) => address.startsWith("http://127.0.0.1:");

provider.listen(port, "127.0.0.1");
