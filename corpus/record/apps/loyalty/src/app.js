import Fastify from 'fastify'
import { checkEnv } from './env.js'
import store from './plugins/store.js'
import cache from './plugins/cache.js'
import events from './plugins/events.js'
import points from './routes/points.js'

export function build () {
  const app = Fastify({
    logger: { level: process.env.LOG_LEVEL ?? 'info' },
    pluginTimeout: Number(process.env.PLUGIN_TIMEOUT ?? 10000)
  })
  app.log.info({ node: process.version, version: '5.0.3' }, 'loyalty booting')
  checkEnv(app.log)
  if (process.env.DATABASE_URL) app.register(store)
  if (process.env.REDIS_URL) app.register(cache)
  if (process.env.AMQP_URL) app.register(events)
  app.register(points, { prefix: '/points' })
  app.get('/livez', async () => ({ ok: true }))
  return app
}
