'use strict';
const { createLogger, format, transports } = require('winston');

const line = format.printf((i) => `[${i.timestamp}] ${i.level.padEnd(5)} (${i.unit || 'main'}) ${i.message}${i.stack && i.level === 'error' ? '\n' + i.stack : ''}`);
module.exports = createLogger({
  level: process.env.INVOICER_LOG || 'info',
  format: format.combine(format.errors({ stack: true }), format.timestamp({ format: 'DD/MMM/YYYY HH:mm:ss.SSS' }), line),
  transports: [new transports.Console()],
});
