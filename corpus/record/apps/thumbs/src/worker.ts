import { existsSync, readFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';
import { log } from './log.js';
import { settings } from './settings.js';
import { plan } from './sizes.js';

log.info({ node: process.version }, 'thumbs worker starting');
if (!existsSync('/usr/lib/libheif.so.1')) log.warn('HEIC pictures are skipped: libheif not found');
if (process.env.THUMBS_S3_PATH_STYLE) log.warn('THUMBS_S3_PATH_STYLE is deprecated and will be removed in 1.0');

const s = settings();
const u = new URL(s.THUMBS_REDIS);
const connection = {
  host: u.hostname, port: Number(u.port || 6379), username: u.username || undefined, password: u.password || undefined, maxRetriesPerRequest: null,
  connectTimeout: 4000, retryStrategy: (n: number) => (n > 4 ? null : n * 250), tls: u.protocol === 'rediss:' ? { ca: s.THUMBS_REDIS_CA && readFileSync(s.THUMBS_REDIS_CA) } : undefined,
};

const queue = new Queue('thumbs', { connection: connection as any });
queue.on('error', (err) => log.warn({ err: { type: err.name, message: err.message } }, 'queue connection'));
log.info({ sizes: plan(s.THUMBS_SIZES), redis: u.host }, 'connecting to the job queue');
try {
  await queue.waitUntilReady();
  const counts = await queue.getJobCounts('wait', 'failed');
  log.info({ counts }, 'job queue attached');
  const worker = new Worker('thumbs', async (job) => log.info({ job: job.id }, 'rendered'), { connection: connection as any, concurrency: s.THUMBS_CONCURRENCY });
  worker.on('error', (err) => log.error({ err }, 'worker'));
  await worker.waitUntilReady();
  log.info('worker ready');
} catch (err) {
  log.fatal({ err }, 'thumbs worker stops');
  process.exit(3);
}
