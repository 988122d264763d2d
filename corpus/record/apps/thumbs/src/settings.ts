import { z } from 'zod';

const shape = z.object({
  THUMBS_REDIS: z.string().url(),
  THUMBS_REDIS_CA: z.string().optional(),
  THUMBS_CONCURRENCY: z.coerce.number().int().positive().default(2),
  THUMBS_SIZES: z.string().default('64,128,512').transform((s) => s.split(',').map(Number)),
});
export type Settings = z.infer<typeof shape>;
export const settings = (): Settings => shape.parse(process.env);
