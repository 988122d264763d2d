'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { Pool } = require('pg');
const Redis = require('ioredis');
const say = require('./lib/say');
const config = require('./lib/config');

const { version } = require('./package.json');

async function radar() {
  try {
    const r = await fetch('http://127.0.0.1:7711/feed', { signal: AbortSignal.timeout(1500) });
    say.info('radar', `feed says ${r.status}`);
  } catch (err) {
    say.warn('radar', `live positions are off: ${err.message}: ${err.cause ? err.cause.message : err.name}`);
  }
}

async function cache(url) {
  if (!url) return say.info('cache', 'no HANGAR_REDIS, boards are computed each time');
  const r = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 2, retryStrategy: (n) => (n > 2 ? null : 250) });
  r.on('error', (err) => say.warn('cache', `redis: ${err.message}`));
  try { await r.connect(); say.info('cache', 'redis is warm'); } catch { say.warn('cache', 'going on without redis'); }
}

async function boards(pool, gates) {
  // every gate keeps its session while its board is laid out (advisory lock per gate)
  await Promise.all(gates.map(async (gate, i) => {
    const c = await pool.connect();
    await c.query('select pg_advisory_lock($1)', [7000 + i]);
    const { rows } = await c.query('select count(*) from slot where gate = $1', [gate]);
    say.info('boards', `gate ${gate}: ${rows[0].count} slots`);
    await pool.query('update gate set seen = now() where name = $1', [gate]);
    c.release();
  }));
}

async function main() {
  say.info('boot', `hangar ${version}, node ${process.version}, pid ${process.pid}`);
  const c = config();
  say.info('config', `${c.gates.length} gates, pool of ${c.pool}`);
  await radar();
  await cache(c.redis);
  const ssl = c.ca ? { ca: fs.readFileSync(c.ca, 'utf8') } : undefined;
  const pool = new Pool({ connectionString: c.pg, ssl, max: c.pool, connectionTimeoutMillis: 4000 });
  pool.on('error', (err) => say.warn('db', `idle client: ${err.message}`));
  const beat = setInterval(() => say.info('db', `pool: ${pool.totalCount} open, ${pool.idleCount} idle, ${pool.waitingCount} waiting`), 1500);
  beat.unref();
  const { rows } = await pool.query('show server_version');
  say.info('db', `postgres ${rows[0].server_version}`);
  await boards(pool, c.gates);
  http.createServer((q, s) => s.end('ok\n')).listen(c.port, () => say.info('http', `listening on :${c.port}, hangar doors are open`));
}

main().catch((err) => {
  say.error('boot', `hangar stays shut: ${err.stack}`);
  if (err.code) say.error('boot', `code ${err.code}`);
  process.exit(1);
});
