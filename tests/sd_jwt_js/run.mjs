// Other people's programs for SD-JWT and JWS: @sd-jwt/core and jose. One task as JSON on stdin, its outcome on stdout.
//   node run.mjs FOLDER-WITH-node_modules
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { SDJwtInstance } = require("@sd-jwt/core");
const { digest, generateSalt } = require("@sd-jwt/crypto-nodejs");

// EdDSA takes no hash; the two numbers of ES256 stand side by side (RFC 7518 3.4).
const hash = (jwk) => (jwk.crv === "Ed25519" ? null : "sha256");
const signer = (jwk) => (data) =>
  sign(hash(jwk), Buffer.from(data), { key: createPrivateKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" })
    .toString("base64url");
const verifier = (jwk) => (data, signature) => {
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  return verify(hash(jwk), Buffer.from(data), key, Buffer.from(signature, "base64url"));
};
const common = { hasher: digest, hashAlg: "sha-256", saltGenerator: generateSalt };

const tasks = {
  async verify({ sd_jwt, issuer, nonce, now }) {
    const kbVerifier = (data, signature, payload) => verifier(payload.cnf.jwk)(data, signature);
    const reader = new SDJwtInstance({ ...common, verifier: verifier(issuer), kbVerifier });
    return reader.verify(sd_jwt, { keyBindingNonce: nonce, currentDate: now });
  },
  async issue({ payload, frame, issuer, header }) {
    const maker = new SDJwtInstance({ ...common, signer: signer(issuer), signAlg: "EdDSA" });
    return maker.issue(payload, frame, { header });
  },
  async present({ sd_jwt, frame, holder, binding }) {
    const wallet = new SDJwtInstance({ ...common, kbSigner: signer(holder), kbSignAlg: "EdDSA" });
    return wallet.present(sd_jwt, frame, { kb: { payload: binding } });
  },
  async jose({ jws, key }) {
    const { compactVerify, importJWK } = await import(pathToFileURL(require.resolve("jose")));
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(key, key.alg));
    return { header: protectedHeader, payload: new TextDecoder().decode(payload) };
  },
};

let text = "";
for await (const piece of process.stdin) text += piece;
const { task, ...what } = JSON.parse(text);
try {
  console.log(JSON.stringify({ outcome: await tasks[task](what) }));
} catch (error) {
  console.log(JSON.stringify({ refused: String(error) }));
}
