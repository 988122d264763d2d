import pino from 'pino';

export const log = pino({ name: 'thumbs', level: process.env.LOG_LEVEL ?? 'info', timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ severity: label }) } });
