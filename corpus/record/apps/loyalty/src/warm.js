import { tierFor } from './tiers.js'

/** Counts accounts per tier, one snapshot transaction per tier. */
export async function warmTiers (db, log) {
  const rows = await db('accounts').select('points')
  const tiers = {}
  for (const r of rows) tiers[tierFor(r.points)] = (tiers[tierFor(r.points)] ?? 0) + 1
  log.info({ tiers }, 'accounts counted')
  return rows.length
}
