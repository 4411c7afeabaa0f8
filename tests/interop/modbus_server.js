"use strict";
// A Modbus TCP server made with modbus-serial: 300 input and holding registers, 32 coils and discrete inputs.

const { given, serve } = require("./wire.js");
const { ServerTCP } = require("modbus-serial");

const tables = {
  coil: new Array(32).fill(false),
  discrete: new Array(32).fill(false),
  holding: new Array(300).fill(0),
  input: new Array(300).fill(0),
};
const refused = new Map();

function held(table) {
  return (address) => {
    if (refused.has(address)) throw Object.assign(new Error("refused"), { modbusErrorCode: refused.get(address) });
    if (address >= tables[table].length) throw Object.assign(new Error("no such address"), { modbusErrorCode: 2 });
    return tables[table][address];
  };
}

function taken(table) {
  const check = held(table);
  return (address, value) => {
    check(address);
    tables[table][address] = value;
  };
}

const server = new ServerTCP(
  {
    getCoil: held("coil"),
    getDiscreteInput: held("discrete"),
    getHoldingRegister: held("holding"),
    getInputRegister: held("input"),
    setCoil: taken("coil"),
    setRegister: taken("holding"),
  },
  { host: "127.0.0.1", port: given.port, unitID: given.unit || 1 },
);

const orders = {
  put({ table, address, values }) {
    tables[table].splice(address, values.length, ...values);
  },
  get: ({ table, address, count }) => tables[table].slice(address, address + count),
  refuse({ address, code }) {
    if (code) refused.set(address, code);
    else refused.delete(address);
  },
};

server.on("initialized", () => serve(orders, { port: given.port }));
