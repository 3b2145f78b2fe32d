// An OpenID provider for the tests: node-oidc-provider with its own pages, on which everybody is who they say.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { installed, port, clientId, clientSecret, redirectUri, verified } = JSON.parse(process.argv[2]);
const entry = createRequire(`${installed}/`).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(entry).href);

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  pkce: { required: () => true },
  cookies: { keys: ["only of the tests"] },
  findAccount: (_, login) => ({
    accountId: login,
    claims: () => ({ sub: `subject of ${login}`, email: login, email_verified: verified, name: "Ada" }),
  }),
});
provider.listen(port, "localhost", () => console.log("listening"));
