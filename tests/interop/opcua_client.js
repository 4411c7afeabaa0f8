"use strict";
// A client made with node-opcua.

const { given, serve } = require("./wire.js");
const { readFileSync } = require("node:fs");
const opcua = require("node-opcua");
const { AttributeIds, DataType, MessageSecurityMode, SecurityPolicy, UserTokenType } = opcua;

const POLICIES = {
  None: SecurityPolicy.None,
  Basic256Sha256: SecurityPolicy.Basic256Sha256,
  Aes128Sha256RsaOaep: SecurityPolicy.Aes128_Sha256_RsaOaep,
  Aes256Sha256RsaPss: SecurityPolicy.Aes256_Sha256_RsaPss,
};

const lists = new opcua.OPCUACertificateManager({
  rootFolder: given.pki,
  automaticallyAcceptUnknownCertificate: false,
  disableFileWatchers: true,
});

let client, session, space;

function made(security, mode) {
  return opcua.OPCUAClient.create({
    applicationName: "Other",
    applicationUri: "urn:test:node-opcua-client",
    clientCertificateManager: lists,
    connectionStrategy: { maxRetry: 0, initialDelay: 50, maxDelay: 100 },
    endpointMustExist: false,
    securityMode: MessageSecurityMode[mode],
    securityPolicy: POLICIES[security],
    transportTimeout: 10000,
    defaultTransactionTimeout: 10000,
  });
}

async function names(uris) {
  const found = await session.readNamespaceArray();
  return uris.map((uri) => found.indexOf(uri));
}

const orders = {
  async certificate() {
    await lists.initialize();
    await made("Basic256Sha256", "Sign").createDefaultCertificate();
    return readFileSync(given.pki + "/own/certs/client_certificate.pem", "utf8");
  },
  async trust({ certificate }) {
    await lists.initialize();
    await lists.trustCertificate(Buffer.from(certificate, "hex"));
  },
  async open({ endpoint, namespace, security, mode, user, password }) {
    client = made(security, mode);
    await client.connect(endpoint);
    const who = user ? { type: UserTokenType.UserName, userName: user, password } : { type: UserTokenType.Anonymous };
    session = await client.createSession(who);
    space = (await names([namespace]))[0];
    return space;
  },
  async close() {
    if (session) await session.close();
    if (client) await client.disconnect();
    client = session = undefined;
  },
  async read({ tags }) {
    const wanted = tags.map((tag) => ({ nodeId: `ns=${space};s=${tag}`, attributeId: AttributeIds.Value }));
    return (await session.read(wanted)).map(({ value, statusCode, sourceTimestamp }) => {
      const held = value.value === null || value.value === undefined ? null : Array.from([value.value].flat());
      const plain = held && held.length === 1 ? held[0] : held;
      return { value: plain, type: DataType[value.dataType], status: statusCode.name, at: sourceTimestamp };
    });
  },
  async write({ items }) {
    const wanted = items.map(({ tag, type, value, stamped }) => {
      const given = { value: { dataType: DataType[type], value } };
      if (stamped) given.sourceTimestamp = new Date();
      return { nodeId: `ns=${space};s=${tag}`, attributeId: AttributeIds.Value, value: given };
    });
    return (await session.write(wanted)).map((status) => status.name);
  },
  async children({ of }) {
    const found = await session.browse(of || "ObjectsFolder");
    return found.references.map(({ nodeId, browseName }) => ({ id: nodeId.toString(), name: browseName.name }));
  },
  async watch({ tag, until }) {
    const subscription = await session.createSubscription2({
      requestedPublishingInterval: 100,
      requestedLifetimeCount: 100,
      requestedMaxKeepAliveCount: 10,
      publishingEnabled: true,
    });
    const item = await subscription.monitor(
      { nodeId: `ns=${space};s=${tag}`, attributeId: AttributeIds.Value },
      { samplingInterval: 100, queueSize: 10, discardOldest: true },
      opcua.TimestampsToReturn.Both,
    );
    const seen = [];
    await new Promise((enough) =>
      item.on("changed", ({ value }) => {
        seen.push(value.value);
        if (value.value >= until) enough();
      }),
    );
    await subscription.terminate();
    return seen;
  },
};

serve(orders, {});
