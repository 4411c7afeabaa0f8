"use strict";
// How the tests speak with a program of ours that uses software of others: orders come as lines of JSON on standard
// input, each is answered by one line on standard output, and the program ends with its standard input.

globalThis.crypto ??= require("node:crypto").webcrypto; // node 18 has it, but not where node-opcua looks for it
const readline = require("node:readline");

// What the libraries have to say goes where it cannot be taken for an answer.
for (const how of ["log", "info", "warn", "debug"]) {
  console[how] = (...words) => console.error(...words);
}

function tell(what) {
  process.stdout.write(JSON.stringify(what) + "\n");
}

async function serve(orders, ready) {
  tell({ ready: true, ...ready });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { order, ...given } = JSON.parse(line);
    try {
      tell({ ok: (await orders[order](given)) ?? null });
    } catch (trouble) {
      tell({ trouble: String(trouble && trouble.message ? trouble.message : trouble) });
    }
  }
  process.exit(0);
}

module.exports = { serve, given: JSON.parse(process.argv[2] || "{}") };
