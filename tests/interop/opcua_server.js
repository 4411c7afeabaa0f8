"use strict";
// A server made with node-opcua: one variable of every type, an array, one with unit and range, a row of many.

const { given, serve } = require("./wire.js");
const opcua = require("node-opcua");
const { DataType, MessageSecurityMode, SecurityPolicy, StatusCodes, Variant, VariantArrayType } = opcua;

const TYPES = {
  BOOL: DataType.Boolean,
  INT16: DataType.Int16,
  UINT16: DataType.UInt16,
  INT32: DataType.Int32,
  UINT32: DataType.UInt32,
  INT64: DataType.Int64,
  UINT64: DataType.UInt64,
  FLOAT32: DataType.Float,
  FLOAT64: DataType.Double,
};

function zero(type) {
  return type === DataType.Boolean ? false : type === DataType.Int64 || type === DataType.UInt64 ? [0, 0] : 0;
}

function limits() {
  const operationLimits = {
    maxNodesPerRead: given.reads || 0,
    maxNodesPerWrite: given.writes || 0,
    maxNodesPerTranslateBrowsePathsToNodeIds: given.reads || 0,
  };
  return { maxSessions: given.sessions || 20, operationLimits };
}

const server = new opcua.OPCUAServer({
  port: given.port || 0,
  hostname: "127.0.0.1",
  alternateHostname: ["127.0.0.1"],
  resourcePath: "/plant",
  serverInfo: { applicationUri: "urn:test:node-opcua", productUri: "urn:test", applicationName: { text: "Other" } },
  securityPolicies: given.open
    ? [SecurityPolicy.None]
    : [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss],
  securityModes: given.open ? [MessageSecurityMode.None] : [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
  userManager: { isValidUser: (name, password) => (given.users || {})[name] === password },
  serverCapabilities: limits(),
  serverCertificateManager: new opcua.OPCUACertificateManager({
    rootFolder: given.pki,
    automaticallyAcceptUnknownCertificate: false,
    disableFileWatchers: true,
  }),
  userCertificateManager: new opcua.OPCUACertificateManager({ rootFolder: given.pki + "-users" }),
});

const variables = {};

function build() {
  const space = server.engine.addressSpace;
  for (let i = 0; i < (given.foreign || 0); i++) {
    space.registerNamespace("urn:test:stranger" + i); // so that the index of ours is not the usual one
  }
  const ours = space.registerNamespace(given.namespace);
  const folder = ours.addFolder(space.rootFolder.objects, { browseName: "Plant" });
  const add = (name, dataType, more) => {
    const value = { dataType, arrayType: VariantArrayType.Scalar, value: zero(dataType) };
    const common = { componentOf: folder, browseName: name, nodeId: "s=" + name, dataType, value };
    variables[name] = ours.addVariable({ ...common, ...more });
  };
  for (const [name, type] of Object.entries(TYPES)) add(name, type, {});
  for (let i = 0; i < (given.many || 0); i++) {
    add("N" + i, DataType.Double, { value: { dataType: DataType.Double, value: i } });
  }
  const spectrum = { dataType: DataType.Double, arrayType: VariantArrayType.Array, value: new Float64Array(64).fill(0.5) };
  add("SPECTRUM", DataType.Double, { valueRank: 1, arrayDimensions: [64], value: spectrum });
  add("SPARE", DataType.Double, {});
  add("FIXED", DataType.Double, { accessLevel: "CurrentRead", userAccessLevel: "CurrentRead" });
  add("TEXT", DataType.String, { value: { dataType: DataType.String, value: "seven" } });
  const measured = { componentOf: folder, browseName: "FORCE", nodeId: "s=FORCE", dataType: DataType.Double };
  const engineeringUnits = opcua.makeEUInformation("NEW", "N", "newton");
  const span = { engineeringUnitsRange: { low: 0, high: 40 }, engineeringUnits };
  variables.FORCE = ours.addAnalogDataItem({ ...measured, ...span, value: { dataType: "Double", value: 6 } });
}

const orders = {
  put({ name, value, status }) {
    const { dataType } = variables[name].readValue().value;
    const now = new Date();
    variables[name].setValueFromSource(new Variant({ dataType, arrayType: VariantArrayType.Scalar, value }), StatusCodes[status || "Good"], now);
  },
  get({ name }) {
    const { value, statusCode } = variables[name].readValue();
    return { value: value.value, type: DataType[value.dataType], status: statusCode.name };
  },
  remove({ name }) {
    server.engine.addressSpace.deleteNode(variables[name]);
  },
  trust: ({ certificate }) => server.serverCertificateManager.trustCertificate(Buffer.from(certificate, "hex")),
  reject: ({ certificate }) => server.serverCertificateManager.rejectCertificate(Buffer.from(certificate, "hex")),
  sessions: () => server.engine.currentSessionCount,
};

async function main() {
  await server.initialize();
  build();
  await server.start();
  await serve(orders, { port: server.endpoints[0].port, certificate: server.getCertificate().toString("hex") });
}

main();
