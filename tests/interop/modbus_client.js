"use strict";
// A Modbus client made with modbus-serial.

const { serve } = require("./wire.js");
const ModbusRTU = require("modbus-serial");

const client = new ModbusRTU();

const orders = {
  async open({ port, unit, framing }) {
    const how = framing === "rtu" ? client.connectTelnet : client.connectTCP;
    await how.call(client, "127.0.0.1", { port });
    client.setID(unit);
    client.setTimeout(3000);
  },
  async read({ table, address, count }) {
    const ask = {
      coil: client.readCoils,
      discrete: client.readDiscreteInputs,
      holding: client.readHoldingRegisters,
      input: client.readInputRegisters,
    }[table];
    return (await ask.call(client, address, count)).data.slice(0, count);
  },
  async write({ table, address, values }) {
    if (table === "coil") return (await client.writeCoils(address, values)).length;
    return (await client.writeRegisters(address, values)).length;
  },
  async write_one({ table, address, value }) {
    await (table === "coil" ? client.writeCoil(address, value) : client.writeRegister(address, value));
  },
  close: () => new Promise((closed) => client.close(closed)),
};

serve(orders, {});
