// Usage: oidc_provider.mjs AUDIENCE
// An identity provider for tests: prints its issuer, and gives the client `robot` access tokens for AUDIENCE by client credentials. The
// resource that a token is asked for says how it is signed: `urn:landlord:PS256`.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const audience = process.argv[2];
const algorithms = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519", {}],
};
const keys = Object.entries(algorithms).map(([alg, [type, options]]) => {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), alg, kid: `of-${alg}`, use: "sig" };
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "robot",
        client_secret: "hunter2-and-more",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: "",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: resource.split(":").pop() } },
        }),
      },
    },
    jwks: { keys },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
