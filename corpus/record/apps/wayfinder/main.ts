import { loadFloors } from "./floors.ts";

const log = (lvl: string, msg: string, more: Record<string, unknown> = {}) => console.log(JSON.stringify({ lvl, at: Date.now(), msg, ...more }));

log("info", "wayfinder starting", { deno: Deno.version.deno, v8: Deno.version.v8 });
try {
  Deno.statSync("/etc/wayfinder/closures.json");
} catch (e) {
  log("warn", "no closures file, all corridors are open", { why: (e as Error).message });
}
const floors = await loadFloors(Deno.env.get("WAYFINDER_FLOORS") ?? "/srv/app/floors.json");
log("info", "floors loaded", { count: floors.length });

const tiles = Deno.env.get("WAYFINDER_TILES");
if (tiles) {
  const ca = Deno.env.get("WAYFINDER_TILES_CA");
  const client = Deno.createHttpClient(ca ? { caCerts: [Deno.readTextFileSync(ca)] } : {});
  const r = await fetch(`${tiles}/v2/index.json`, { client });
  if (!r.ok) throw new Error(`tile index: ${r.status} ${r.statusText}`);
  log("info", "tile index fetched", { bytes: (await r.text()).length });
}
Deno.serve({ port: Number(Deno.env.get("WAYFINDER_PORT") ?? 8900), onListen: (a) => log("info", "guiding visitors", a as unknown as Record<string, unknown>) }, () => new Response("ok"));
