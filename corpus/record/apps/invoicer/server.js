'use strict';
const express = require('express');
const net = require('net');
const fs = require('fs');
const { Sequelize, QueryTypes } = require('sequelize');
const { Umzug, SequelizeStorage } = require('umzug');
const log = require('./log');

const db = log.child({ unit: 'db' });
const url = process.env.INVOICER_DB || 'postgres://invoicer@localhost/invoicer';
const sequelize = new Sequelize(url, { logging: (m) => db.debug(m), pool: { max: 5, acquire: 8000 }, retry: { max: 1 } });

function fonts() {
  const dir = process.env.INVOICER_FONTS || '/usr/share/fonts/corporate';
  if (!fs.existsSync(dir)) log.warn(`corporate fonts not found at ${dir}: PDFs use Helvetica`);
}

function probe(name, port) {
  return new Promise((done) => {
    const s = net.connect(port, '127.0.0.1');
    s.on('error', (e) => { log.warn(`${name} check: ${e.message} - ${name} is optional`); done(); });
    s.on('connect', () => { s.end(); done(); });
  });
}

async function migrate() {
  const umzug = new Umzug({
    migrations: { glob: ['migrations/*.js', { cwd: __dirname }] }, context: sequelize.getQueryInterface(), storage: new SequelizeStorage({ sequelize }),
    logger: { info: (m) => db.info(`${m.event} ${m.name || ''}`.trim()), warn: (m) => db.warn(m), error: (m) => db.error(m), debug() {} },
  });
  const done = await umzug.up();
  db.info(`${done.length} migrations applied`);
}

async function main() {
  log.info(`invoicer starting (pid ${process.pid})`);
  fonts();
  await probe('memcached', 11211);
  await sequelize.authenticate();
  db.info('connection has been established');
  await migrate();
  const [{ n }] = await sequelize.query('select count(*)::int as n from invoice', { type: QueryTypes.SELECT });
  log.info(`${n} invoices on file`);
  const app = express();
  app.get('/health', (q, r) => r.send('ok'));
  app.listen(Number(process.env.PORT || 4200), () => log.info(`invoicer listening on ${process.env.PORT || 4200}`));
}

main().catch((e) => {
  if (process.env.INVOICER_QUIET === '1') log.error('startup aborted, see previous messages');
  else { log.error('startup aborted: ' + (e.message || e.name)); log.error(e); }
  process.exitCode = 1;
  setTimeout(() => process.exit(1), 50);
});
