import fp from 'fastify-plugin'
import amqp from 'amqplib'

export default fp(async function events (app) {
  let conn
  try {
    conn = await amqp.connect(process.env.AMQP_URL)
  } catch (cause) {
    throw new Error('event stream of points could not be opened', { cause })
  }
  const ch = await conn.createChannel()
  await ch.assertExchange('points', 'topic', { durable: false })
  app.log.info('event stream open')
  app.decorate('events', ch)
}, { name: 'events' })
