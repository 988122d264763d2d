import fp from 'fastify-plugin'
import knex from 'knex'
import { tierFor } from '../tiers.js'

export default fp(async function store (app) {
  const db = knex({
    client: 'pg',
    connection: process.env.DATABASE_URL,
    pool: { min: 0, max: Number(process.env.POOL_MAX ?? 4) },
    acquireConnectionTimeout: Number(process.env.ACQUIRE_MS ?? 4000)
  })
  app.decorate('db', db)
  await db.raw('select 1')
  app.log.info('points store connected')
  const { warmTiers } = await import('../warm.js')
  const n = await warmTiers(db, app.log)
  app.log.info({ accounts: n, sample: tierFor(1200) }, 'tiers warmed')
  app.addHook('onClose', () => db.destroy())
}, { name: 'store' })
