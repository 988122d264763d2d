import { build } from './app.js'

const app = build()
try {
  await app.ready()
  await app.listen({ host: '0.0.0.0', port: Number(process.env.PORT ?? 3000) })
} catch (err) {
  app.log.fatal({ err }, 'loyalty could not start')
  process.exit(1)
}
