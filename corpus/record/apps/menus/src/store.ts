import { SQL } from 'bun';
import { say } from './say';

export async function openStore(tries = Number(process.env.MENUS_TRIES ?? 1)) {
  const url = process.env.MENUS_DB;
  if (!url) throw new Error('MENUS_DB is required');
  for (let i = 1; ; i++) {
    const sql = new SQL(url, { max: 3, connectionTimeout: 4 });
    try {
      const [{ v }] = await sql`select current_setting('server_version') as v`;
      say('info', 'store', `postgres ${v}`);
      return sql;
    } catch (e: any) {
      if (i >= tries) throw e;
      say('warn', 'store', `try ${i}/${tries}: ${e.code ?? ''} ${e.message}`);
      await sql.close().catch(() => {});
      await Bun.sleep(1000);
    }
  }
}
