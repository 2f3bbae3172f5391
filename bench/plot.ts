/**
 * What a plot shows, without how it is drawn: figures by the name of their case.
 *
 * A plot is part of its suite and drawn from the JSON of any run of it. A point whose case has no such figure
 * is left out, so that skipped cases and figures that older results lack do not prevent the plot.
 */

/** An axis; its name gives the unit. */
export interface Axis {
  readonly name: string;
  /** For sizes that span decades: what one step of the axis multiplies by. */
  readonly logBase?: 2 | 10;
}

/** Where a value is: the median of a figure of a case. */
export interface Place {
  readonly case: string;
  readonly figure: string;
}

/** How a figure grows with something. */
export interface LinePlot {
  readonly shape: 'lines';
  /** Name of the file, without `.svg`. */
  readonly file: string;
  readonly question: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly { readonly name: string; readonly points: readonly (Place & { x: number })[] }[];
}

/** Rivals side by side in each of several groups. */
export interface BarPlot {
  readonly shape: 'bars';
  readonly file: string;
  readonly question: string;
  readonly value: Axis;
  readonly groups: readonly string[];
  /** One place for each group; undefined where a rival has none. */
  readonly bars: readonly { readonly name: string; readonly places: readonly (Place | undefined)[] }[];
}

export type Plot = LinePlot | BarPlot;
