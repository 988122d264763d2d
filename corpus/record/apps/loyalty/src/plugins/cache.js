import fp from 'fastify-plugin'
import Redis from 'ioredis'

export default fp(async function cache (app) {
  const redis = new Redis(process.env.REDIS_URL, {
    maxRetriesPerRequest: Number(process.env.REDIS_RETRIES ?? 4),
    retryStrategy: n => Math.min(n * 150, 1000)
  })
  if (process.env.REDIS_ON_ERROR !== 'none') redis.on('error', err => app.log.warn({ err: { message: err.message, code: err.code } }, 'redis connection problem, will retry'))
  await redis.ping()
  app.log.info('reward cache connected')
  app.decorate('redis', redis)
}, { name: 'cache' })
