export function say(level: 'info' | 'warn' | 'error', area: string, text: string) {
  const t = new Date().toISOString().slice(11, 23);
  (level === 'error' ? console.error : console.log)(`${t} ${level.toUpperCase().padEnd(5)} menus/${area}: ${text}`);
}
