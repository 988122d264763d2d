import { tierFor } from '../tiers.js'

export default async function points (app) {
  app.get('/tier/:n', async req => ({ tier: tierFor(Number(req.params.n)) }))
}
