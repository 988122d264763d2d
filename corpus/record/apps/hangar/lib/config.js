'use strict';
const say = require('./say');

function gates(raw) {
  if (!raw) return ['A1', 'A2', 'B1', 'B2', 'B3', 'C1'];
  try {
    return JSON.parse(raw);
  } catch (err) {
    throw new Error(`HANGAR_GATES cannot be used: ${err.message}`, { cause: err });
  }
}

module.exports = () => {
  const e = process.env;
  if (!e.HANGAR_TZ) say.warn('config', 'HANGAR_TZ is not set, schedules are in UTC');
  return { pg: e.HANGAR_PG, ca: e.HANGAR_PG_CA, redis: e.HANGAR_REDIS, gates: gates(e.HANGAR_GATES), pool: Number(e.HANGAR_POOL || 8), port: Number(e.PORT || 8080) };
};
