// Numbers, times and rates as people read them. What is not known is a dash, never 0.
export const UNKNOWN = '–';

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});

export const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

export function count(value) {
  if (!known(value)) return UNKNOWN;
  return Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value);
}

export function rate(value) {
  if (!known(value)) return UNKNOWN;
  if (value > 0 && value < 10) return value.toFixed(1);
  return count(value);
}

export function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  if (seconds < 10) return `${seconds > 0 ? seconds.toFixed(1).replace('.0', '') : 0} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const pad = (number) => String(number).padStart(2, '0');

export function clock(milliseconds) {
  if (!known(milliseconds)) return UNKNOWN;
  const at = new Date(milliseconds);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function moment(milliseconds) {
  if (!known(milliseconds)) return UNKNOWN;
  const at = new Date(milliseconds);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(milliseconds)}`;
}

export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
