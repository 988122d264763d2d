'use strict';
// one line per event: time, level letter, area, text
const out = (letter, stream) => (area, text) => {
  stream.write(`${new Date().toISOString().slice(11, 23)} ${letter} ${area.padEnd(8)} ${text}\n`);
};
module.exports = { info: out('I', process.stdout), warn: out('W', process.stdout), error: out('E', process.stderr) };
