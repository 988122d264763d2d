export interface Floor { level: number; name: string; nodes: [number, number][] }

export async function loadFloors(path: string): Promise<Floor[]> {
  const raw = JSON.parse(await Deno.readTextFile(path)) as Floor[];
  return raw.map((f) => ({ ...f, nodes: f.nodes.filter(([x, y]) => x >= 0 && y >= 0) }));
}
