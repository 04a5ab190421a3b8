/** Line charts as SVG: a logarithmic axis for the load, both axes from the data. */
export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

const WIDTH = 640;
const HEIGHT = 360;
const MARGIN = { left: 70, right: 20, top: 40, bottom: 50 };
const COLORS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd'];
const TICKS = 5;

export function svgOf({ title, x, y, series }: Plot): string {
  const points = series.flatMap((one) => one.points);
  const xs = [...new Set(points.map(([at]) => at))].sort((a, b) => a - b);
  const most = Math.max(...points.map(([, value]) => value)) * 1.1;
  const [least = 1, last = 1] = [xs[0], xs.at(-1)];
  const across = WIDTH - MARGIN.left - MARGIN.right;
  const up = HEIGHT - MARGIN.top - MARGIN.bottom;
  const left = (at: number) =>
    MARGIN.left + (Math.log(at / least) / Math.log(last / least || Math.E)) * across;
  const top = (value: number) => MARGIN.top + (1 - value / most) * up;
  const ticks = Array.from({ length: TICKS + 1 }, (_, n) => (most * n) / TICKS);
  const lines = series.map(({ name, points: path }, n) => {
    const color = COLORS[n % COLORS.length] ?? 'black';
    const at = path.map(([px, py]) => `${left(px).toFixed(1)},${top(py).toFixed(1)}`).join(' ');
    const dots = path.map(
      ([px, py]) => `<circle cx="${left(px).toFixed(1)}" cy="${top(py).toFixed(1)}" r="3" fill="${color}"/>`,
    );
    const label = `<text x="${MARGIN.left + 10}" y="${MARGIN.top + 16 * (n + 1)}" fill="${color}">${name}</text>`;
    return `<polyline points="${at}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}${label}`;
  });
  const text = [
    `<text x="${WIDTH / 2}" y="20" text-anchor="middle" font-weight="bold">${title}</text>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">${x}</text>`,
    `<text x="15" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 15 ${HEIGHT / 2})">${y}</text>`,
    ...xs.map(
      (at) => `<text x="${left(at).toFixed(1)}" y="${HEIGHT - 30}" text-anchor="middle">${at}</text>`,
    ),
    ...ticks.map(
      (value) =>
        `<text x="${MARGIN.left - 8}" y="${(top(value) + 4).toFixed(1)}" text-anchor="end">${shown(value)}</text>` +
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${top(value).toFixed(1)}" y2="${top(value).toFixed(1)}" stroke="#ddd"/>`,
    ),
  ];
  const font = 'font-family="sans-serif" font-size="12"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ${font}>\n<rect width="100%" height="100%" fill="white"/>\n${[...text, ...lines].join('\n')}\n</svg>\n`;
}

function shown(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}
