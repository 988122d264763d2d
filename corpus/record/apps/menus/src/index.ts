import { Hono } from 'hono';
import { ALLERGENS, labelFor } from './allergens';
import { openStore } from './store';
import { say } from './say';

say('info', 'boot', `menus 1.16.2 on bun ${Bun.version}`);
if (!process.env.MENUS_TRANSLATE_KEY) say('warn', 'boot', 'MENUS_TRANSLATE_KEY not given, menus are shown in the kitchen language only');
await fetch(process.env.MENUS_FLAGS ?? 'http://127.0.0.1:4242/flags').catch((e) => say('warn', 'flags', `flag service: ${e.message} (defaults apply)`));

const sql = await openStore();
const dishes = await sql`select name, codes from dish order by name`;
say('info', 'boot', `${dishes.length} dishes, ${ALLERGENS.length} allergens`);
const app = new Hono();
app.get('/dishes', (c) => c.json(dishes.map((d: any) => ({ name: d.name, allergens: labelFor(d.codes.split('')) }))));
const server = Bun.serve({ port: Number(process.env.PORT ?? 3600), fetch: app.fetch });
say('info', 'boot', `open for orders at ${server.url}`);
