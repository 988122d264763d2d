export interface Size { width: number; webp: boolean }

export function plan(widths: number[]): Size[] {
  return widths.map((width) => ({ width, webp: width > 64 }));
}
