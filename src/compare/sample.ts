/** The sample: which inputs of the batch are run. They are spread evenly over the whole batch. */

/** Inputs to choose from. */
export interface Candidates {
  readonly inputs: readonly unknown[];
  /** How far apart they lie in the batch. */
  readonly step: number;
  /** Inputs of the batch; undefined for a stream that was not read to its end. */
  readonly total: number | undefined;
  /** Rows of streams that could not be read. */
  readonly badRows: number;
  /** Fewer than asked, for they are large. */
  readonly isCutForSize: boolean;
}

/** Inputs that are run. */
export interface Sample {
  readonly inputs: readonly unknown[];
  /** Position in the batch of each. */
  readonly indexes: readonly number[];
}

/** So many of the candidates, evenly spread. */
export function pick({ inputs, step }: Candidates, count: number): Sample {
  const most = Math.min(count, inputs.length);
  const places = Array.from({ length: most }, (_, i) => Math.floor((i * inputs.length) / most));
  return {
    inputs: places.map((place) => inputs[place]),
    indexes: places.map((place) => place * step),
  };
}
