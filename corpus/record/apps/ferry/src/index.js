'use strict';
// ferry: sailing times and free car places of the island ferries
const bunyan = require('bunyan');
const express = require('express');
const { Pool } = require('pg');
const Redis = require('ioredis');
const fs = require('fs');
const log = bunyan.createLogger({ name: 'ferry', streams: [{ stream: process.stdout }], serializers: { err: bunyan.stdSerializers.err } });
const env = process.env;

log.info({ node: process.version, version: require('../package.json').version }, 'casting off');
if (env.FERRY_TIDE_MODEL) log.warn('FERRY_TIDE_MODEL is no longer read, tides come with the timetable');

async function weather() {
  try {
    await fetch(env.FERRY_WEATHER || 'http://127.0.0.1:8391/gusts', { signal: AbortSignal.timeout(1500) });
    log.info('gust forecast available');
  } catch (err) {
    log.warn({ cause: String(err.cause || err) }, 'gust forecast unavailable, sailings are shown without warnings');
  }
}

async function timetable() {
  const ssl = env.FERRY_DB_CA ? { ca: fs.readFileSync(env.FERRY_DB_CA) } : env.FERRY_DB_TLS ? { rejectUnauthorized: true } : false;
  const pool = new Pool({ connectionString: env.FERRY_DB, ssl, connectionTimeoutMillis: 5000, max: 3, application_name: 'ferry' });
  pool.on('error', err => log.warn({ err }, 'idle timetable connection lost'));
  const { rows } = await pool.query('select route, departs from sailing order by departs');
  log.info({ sailings: rows.length }, 'timetable read');
  return { pool, rows };
}

async function seats() {
  if (!env.FERRY_CACHE) return log.warn('FERRY_CACHE not set, free car places are counted from bookings');
  const cache = new Redis(env.FERRY_CACHE, { lazyConnect: true, maxRetriesPerRequest: 2, connectTimeout: +env.FERRY_CACHE_CONNECT_MS || 3000, retryStrategy: n => Math.min(n * 200, 1000) });
  cache.on('error', e => { if (!env.FERRY_QUIET_CACHE) log.warn({ code: e.code }, `cache: ${e.message}`); });
  if (env.FERRY_CACHE_OPTIONAL) { cache.ping().catch(() => {}); return; }
  await cache.ping();
  log.info('car places come from the cache');
}

function grid(rows) {
  const days = +env.FERRY_PLAN_DAYS || 7, plan = [];
  for (let d = 0; d < days; d++) {
    for (const r of rows) plan.push({ route: r.route, day: d, departs: r.departs, lanes: Array.from({ length: 12 }, (_, i) => ({ lane: i, metres: 60 + Math.random() })) });
    if (d % 60 === 59) log.info({ day: d + 1, of: days }, 'sailing plan laid out');
  }
  return plan;
}

async function start() {
  await weather();
  const { rows } = await timetable();
  await seats();
  const plan = grid(rows);
  const app = express();
  app.get('/healthz', (q, s) => s.send('ok'));
  app.get('/sailings', (q, s) => s.json(rows));
  await new Promise((ok, bad) => app.listen(+env.PORT || 3400, e => e ? bad(e) : ok()));
  log.info({ planned: plan.length }, 'ferry ready');
}

const limit = +env.FERRY_START_LIMIT_MS;
const late = limit ? new Promise((_, bad) => setTimeout(() => bad(new Error(`not ready within ${limit} ms`)), limit)) : new Promise(() => {});
Promise.race([start(), late]).catch(err => {
  log.fatal({ err }, 'ferry cannot start');
  process.exitCode = 1;
  setTimeout(() => process.exit(1), 50);
});
