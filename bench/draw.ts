/**
 * Draws plots as SVG files: the same JSON gives the same bytes.
 *
 * ECharts lays them out without a browser. It numbers its classes and clips through the life of the process,
 * and so the second plot of a process would differ from the first of another; this file numbers them again.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SuiteResult } from './judge.js';
import type { Axis, BarPlot, LinePlot, Place, Plot } from './plot.js';
import { type ChartOptions, echarts, missingRival } from './rivals.js';
import { type Spread, shown } from './statistics.js';
import type { Suite } from './suite.js';

const WIDTH = 960;
/** Heights: of the axis below the bars, of a bar, of the gap between groups. */
const [BELOW, BAR, GAP] = [60, 15, 14];
const LINES_HEIGHT = 520;
const [LEGEND_TOP, LEGEND_ROW] = [44, 24];
/** Colours that people with colour blindness can distinguish (Okabe and Ito). */
const COLORS = [
  ...['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'],
  ...['#222222', '#999999', '#8c564b', '#d8c52e'],
];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect', 'emptyTriangle'];
const TEXT = { color: '#222', fontFamily: 'sans-serif' };
/** ECharts guesses widths for a narrow font; readers may have a wide one. */
const CHARACTER = 7.2;
const NO_BREAK_SPACE = '\u00a0';

/** Draws the plots of a suite into a folder; reports a plot that cannot be drawn. */
export async function draw(suite: Suite, result: SuiteResult, folder: URL): Promise<void> {
  const plots = suite.plots ?? [];
  if (plots.length === 0) return;
  const missing = missingRival('echarts');
  if (missing !== undefined) {
    console.error(`  no plots of ${suite.name}: echarts: ${missing}`);
    return;
  }
  mkdirSync(folder, { recursive: true });
  for (const plot of plots) {
    const svg = await svgOf(plot, result);
    if (svg === undefined) console.error(`  no plot ${plot.file}: the results have none of its figures`);
    else writeFileSync(fileURLToPath(new URL(`${plot.file}.svg`, folder)), svg);
  }
}

async function svgOf(plot: Plot, result: SuiteResult): Promise<string | undefined> {
  const drawn = plot.shape === 'lines' ? linesOf(plot, result) : barsOf(plot, result);
  if (drawn.isEmpty) return undefined;
  const { init } = await echarts();
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: drawn.height });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    color: COLORS,
    textStyle: TEXT,
    title: { text: plot.question, left: 'center', top: 12, textStyle: { ...TEXT, fontSize: 16 } },
    legend: {
      top: LEGEND_TOP,
      left: 'center',
      width: WIDTH - 40,
      itemGap: 8,
      selectedMode: false,
      textStyle: TEXT,
      formatter: (name: string) => name + NO_BREAK_SPACE.repeat(Math.ceil(name.length / 6) + 2),
      data: drawn.legend,
    },
    ...drawn.options,
  });
  const svg = renumbered(chart.renderToSVGString());
  chart.dispose();
  return `${svg}\n`;
}

function renumbered(svg: string): string {
  const numbers = new Map<string, number>();
  return svg.replace(/\bzr\d+-\w+(?:-\d+)?/g, (name) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return `z${numbers.get(name)}`;
  });
}

const colorOf = (series: number) => COLORS[series % COLORS.length] ?? '#222';

function spreadAt({ figures }: SuiteResult, place: Place | undefined): Spread | undefined {
  return place && figures[place.case]?.[place.figure];
}

/** True if a case was tried and failed; a skipped case is not worth a line. */
function isUnfinished({ cases }: SuiteResult, place: Place | undefined): boolean {
  return place !== undefined && /^(did not finish|failed)/.test(cases?.[place.case]?.trouble ?? '');
}

/** What the two shapes of plots have in common. */
interface Drawing {
  readonly isEmpty: boolean;
  readonly height: number;
  readonly legend: readonly string[];
  readonly options: ChartOptions;
}

function linesOf(plot: LinePlot, result: SuiteResult): Drawing {
  const lines = plot.lines
    .map(({ name, points }) => ({
      name,
      data: points.flatMap((point) => {
        const spread = spreadAt(result, point);
        return spread === undefined ? [] : [{ x: point.x, spread }];
      }),
    }))
    .filter(({ data }) => data.length > 0);
  return {
    isEmpty: lines.length === 0,
    height: LINES_HEIGHT,
    legend: lines.map(({ name }) => name),
    options: {
      grid: { top: topOf(lines), left: 90, right: 50, bottom: 70 },
      xAxis: { ...axisOf(plot.x), nameGap: 36 },
      yAxis: { ...axisOf(plot.y), nameGap: 60 },
      series: lines.flatMap(({ name, data }, i) => [
        {
          name,
          type: 'line',
          silent: true,
          color: colorOf(i),
          symbol: SYMBOLS[i % SYMBOLS.length],
          symbolSize: 9,
          data: data.map(({ x, spread }) => [x, spread.median]),
        },
        whiskers(
          data.map(({ x, spread }) => [x, spread.min, spread.max]),
          colorOf(i),
        ),
      ]),
    },
  };
}

function barsOf(plot: BarPlot, result: SuiteResult): Drawing {
  const bars = plot.bars
    .map(({ name, places }) => ({
      name,
      places,
      spreads: plot.groups.map((_, i) => spreadAt(result, places[i])),
    }))
    .filter(({ spreads }) => spreads.some((spread) => spread !== undefined));
  const groups = plot.groups.map((group, i) => {
    const unfinished = bars.filter(({ places, spreads }) => !spreads[i] && isUnfinished(result, places[i]));
    return [group, ...unfinished.map(({ name }) => `${name}: did not finish`)];
  });
  const widest = Math.max(...groups.flat().map((line) => line.length));
  return {
    isEmpty: bars.length === 0,
    height: topOf(bars) + BELOW + plot.groups.length * (bars.length * BAR + GAP),
    legend: bars.map(({ name }) => name),
    options: {
      grid: { top: topOf(bars), left: 30 + widest * CHARACTER, right: 70, bottom: BELOW },
      xAxis: { ...axisOf(plot.value), ...startOf(plot.value, bars), nameGap: 30 },
      yAxis: {
        type: 'category',
        inverse: true,
        data: groups.map((lines) => lines.join('\n')),
        axisTick: { show: false },
      },
      series: bars.map(({ name, spreads }, i) => ({
        name,
        type: 'bar',
        silent: true,
        barGap: '0%',
        barCategoryGap: `${Math.round((100 * GAP) / (bars.length * BAR + GAP))}%`,
        color: colorOf(i),
        label: { show: true, position: 'right', fontSize: 10, color: '#222' },
        data: spreads.map((spread) =>
          spread === undefined
            ? { value: null }
            : { value: spread.median, label: { formatter: shown(spread.median) } },
        ),
      })),
    },
  };
}

/** Where the plot begins: below its legend, which may need several rows. */
function topOf(series: readonly { readonly name: string }[]): number {
  const width = series.reduce((sum, { name }) => sum + 60 + name.length * CHARACTER, 0);
  return LEGEND_TOP + 16 + Math.ceil(width / (WIDTH - 40)) * LEGEND_ROW;
}

/**
 * On a logarithmic axis bars begin a decade below the shortest at most; by default they would all begin at 1.
 */
function startOf(
  { logBase }: Axis,
  bars: readonly { spreads: readonly (Spread | undefined)[] }[],
): ChartOptions {
  if (logBase === undefined) return {};
  const medians = bars.flatMap(({ spreads }) => spreads.flatMap((spread) => spread?.median ?? []));
  return { min: 10 ** (Math.ceil(Math.log10(Math.min(...medians))) - 1) };
}

function axisOf({ name, logBase }: Axis): ChartOptions {
  return {
    ...(logBase === undefined ? { type: 'value' } : { type: 'log', logBase }),
    name,
    nameLocation: 'middle',
    nameTextStyle: { ...TEXT, fontSize: 13 },
    axisLabel: { ...TEXT, formatter: (value: number) => (value === 0 ? '0' : shown(value)) },
    splitLine: { lineStyle: { color: '#e4e4e4' } },
  };
}

/** From the lowest to the highest sample, through each point. */
function whiskers(data: readonly (readonly number[])[], color: string) {
  interface Api {
    value(dimension: number): number;
    coord(at: readonly number[]): readonly [number, number];
  }
  return {
    type: 'custom',
    silent: true,
    data,
    renderItem: (_: unknown, api: Api) => {
      const [x1, y1] = api.coord([api.value(0), api.value(1)]);
      const [x2, y2] = api.coord([api.value(0), api.value(2)]);
      return { type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: color, lineWidth: 1.5 } };
    },
  };
}
