/**
 * The budget of a lane: pace, window, settlement, large costs, and providers that count tokens. By virtual
 * clock.
 */

import { describe, expect, it } from 'vitest';
import { Budget, divideBudget, type ResolvedBudget } from '../../../../../src/main/lanes/limits/budget.js';
import { UnitLog } from '../../../../../src/main/lanes/limits/unit-log.js';
import { seededRandom, VirtualTime } from '../../../../support/provider-models.js';

const BUDGET: ResolvedBudget = {
  unit: 'tokens',
  limit: 60_000,
  perMs: 60_000,
  burst: 6000,
  settle: 'refund',
  estimate: () => 1,
};
/** Units per ms that the pace lets pass. */
const PACE = 0.98;

describe('pace', () => {
  it('lets the burst go at once, the rest as it drains', () => {
    const budget = new Budget(BUDGET);
    expect(budget.wait(0, 6000)).toBe(0);
    budget.take(0, 4000);
    expect(budget.wait(0, 2000)).toBe(0);
    expect(budget.wait(0, 3000)).toBeCloseTo(1000 / PACE, 6);
    budget.take(1000 / PACE, 3000);
    expect(budget.wait(1000 / PACE, 1)).toBeCloseTo(1 / PACE, 6);
  });

  it('saves up no more than the burst', () => {
    const budget = new Budget(BUDGET);
    budget.take(0, 6000);
    expect(budget.wait(1e9, 6000)).toBe(0);
    budget.take(1e9, 6000);
    expect(budget.wait(1e9, 1)).toBeGreaterThan(0);
  });

  it('asks nothing of calls that cost nothing', () => {
    const budget = new Budget(BUDGET);
    budget.take(0, 50_000);
    budget.take(0, 0);
    expect(budget.wait(0, 0)).toBe(0);
  });
});

describe('a cost above the burst', () => {
  it('starts alone when the bucket is full, and is paid for afterwards', () => {
    const budget = new Budget(BUDGET);
    expect(budget.wait(0, 20_000)).toBe(0);
    budget.take(0, 1000);
    expect(budget.wait(0, 20_000)).toBeCloseTo(1000 / PACE, 6);
    budget.take(1100, 20_000);
    expect(budget.wait(1100, 1)).toBeCloseTo((20_000 + 1 - 6000) / PACE, 6);
  });

  it('and above the limit waits until nothing is counted any more', () => {
    const budget = new Budget(BUDGET);
    budget.take(0, 1000);
    expect(budget.wait(30_000, 100_000)).toBe(60_250 - 30_000);
    budget.take(60_250, 100_000);
    // The bucket drains slower than the window passes.
    expect(budget.wait(60_250, 1)).toBeCloseTo((100_000 + 1 - 6000) / PACE, 6);
  });
});

describe('settlement', () => {
  it('gives back what was not used', () => {
    const budget = new Budget(BUDGET);
    budget.take(0, 6000);
    budget.correct(6000, 1000, 0);
    expect(budget.wait(0, 5000)).toBe(0);
    expect(budget.wait(0, 5001)).toBeGreaterThan(0);
  });

  it('charges what was used beyond the estimate, also when the bucket was full again', () => {
    const budget = new Budget(BUDGET);
    budget.take(0, 1000);
    budget.correct(1000, 7000, 50_000);
    expect(budget.wait(50_000, 6000)).toBeCloseTo(6000 / PACE, 6);
  });

  it('gives back no more than a full bucket', () => {
    const budget = new Budget(BUDGET);
    budget.take(0, 6000);
    budget.correct(6000, 0, 5000);
    budget.take(5000, 6000);
    expect(budget.wait(5000, 1)).toBeGreaterThan(0);
  });

  it('changes nothing with keep', () => {
    const budget = new Budget({ ...BUDGET, settle: 'keep' });
    budget.take(0, 6000);
    budget.correct(6000, 0, 0);
    expect(budget.wait(0, 6000)).toBeCloseTo(6000 / PACE, 6);
    budget.correct(0, 50_000, 0);
    expect(budget.wait(0, 6000)).toBeCloseTo(6000 / PACE, 6);
  });
});

describe('the window', () => {
  it('never has more charged units than the limit, however the pace would allow', () => {
    // A burst of the whole limit: only the log holds it back.
    const budget = new Budget({ ...BUDGET, burst: 60_000 });
    budget.take(0, 60_000);
    expect(budget.wait(60_000, 10_000)).toBe(250);
  });

  it('has no room while settled calls used it up, whatever their estimates were', () => {
    const budget = new Budget({ ...BUDGET, burst: 60_000 });
    budget.take(0, 100);
    budget.correct(100, 60_000, 1000);
    // By the pace there would be room after half of that.
    expect(budget.wait(1000, 60)).toBe(60_250);
  });
});

it('units that share a bucket of the log all count until the youngest is old', () => {
  const log = new UnitLog(1000);
  log.add(0, 1);
  log.add(3, 1);
  expect(log.wait(1000, 0)).toBe(3);
  expect(log.wait(1003, 0)).toBe(0);
});

describe('seeds', () => {
  it('count with their time, and as if the burst had been used before', () => {
    const budget = new Budget({ ...BUDGET, burst: 10_000, settle: 'keep' });
    budget.seed(
      [
        { at: -50_000, cost: 30_000 },
        { at: -40_000, cost: 30_000 },
      ],
      0,
    );
    expect(budget.wait(0, 1)).toBe(10_250);
    const fresh = new Budget(BUDGET);
    fresh.seed([{ at: -1, cost: 1 }], 0);
    expect(fresh.wait(0, 1000)).toBeGreaterThan(900);
    fresh.seed([], 0);
  });
});

describe('shards', () => {
  it('have limits and bursts that add up', () => {
    const shares = [1, 2, 3, 4, 5, 6, 7].map((index) => divideBudget(BUDGET, index, 7));
    expect(shares.reduce((sum, { limit }) => sum + limit, 0)).toBe(60_000);
    expect(shares.reduce((sum, { burst }) => sum + burst, 0)).toBe(6000);
    const tiny = [1, 2, 3, 4].map((index) => divideBudget({ ...BUDGET, limit: 3, burst: 1 }, index, 4));
    for (const share of tiny) expect(share).toMatchObject({ limit: 1, burst: 1, perMs: 80_000 });
  });
});

/** A provider of 100,000 tokens per minute. `try`: a call arrives; `end`: it is over there. */
interface TokenProvider {
  try(at: number, estimate: number): boolean;
  end(at: number, estimate: number, used: number): void;
}
const TOKENS = 100_000;
const MINUTE = 60_000;

function settlingBucket(): TokenProvider {
  let tokens = TOKENS;
  let last = 0;
  const fill = (at: number, by: number) => {
    tokens = Math.min(TOKENS, tokens + ((at - last) * TOKENS) / MINUTE + by);
    last = at;
  };
  return {
    try: (at, estimate) => {
      fill(at, 0);
      if (tokens < estimate) return false;
      tokens -= estimate;
      return true;
    },
    end: (at, estimate, used) => fill(at, estimate - used),
  };
}

/** By the end of calls, as they truly used. */
function slidingUse(): TokenProvider {
  const ends: { at: number; used: number }[] = [];
  return {
    try: (at) => {
      while ((ends[0]?.at ?? at) <= at - MINUTE) ends.shift();
      return ends.reduce((sum, { used }) => sum + used, 0) < TOKENS;
    },
    end: (at, _, used) => void ends.push({ at, used }),
  };
}

/** By the start of calls, as they were estimated, for good. */
function slidingEstimates(): TokenProvider {
  const starts: { at: number; estimate: number }[] = [];
  return {
    try: (at, estimate) => {
      while ((starts[0]?.at ?? at) <= at - MINUTE) starts.shift();
      if (starts.reduce((sum, start) => sum + start.estimate, 0) + estimate > TOKENS) return false;
      starts.push({ at, estimate });
      return true;
    },
    end: () => {},
  };
}

const INPUT = 900;
const MAX_OUTPUT = 4096;

/**
 * 60 slots, outputs of 600 on average (cv 1), calls of 2.5 to 7.5 s; answers the share of the limit used, and
 * what was refused.
 */
function simulate(
  provider: TokenProvider,
  settle: 'refund' | 'keep',
  seed: number,
  delayMs: number,
  minutes = 10,
) {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const budget = new Budget({
    ...BUDGET,
    limit: TOKENS,
    burst: TOKENS / 10,
    settle,
  });
  const estimate = INPUT + MAX_OUTPUT;
  let free = 60;
  let used = 0;
  let charged = 0;
  let refused = 0;
  let calls = 0;
  let wakeAt = -1;
  let pausedUntil = 0;
  const pump = () => {
    while (free > 0) {
      const wait = Math.max(pausedUntil - time.now, budget.wait(time.now, estimate));
      if (wait > 0) {
        const due = time.now + wait;
        if (wakeAt <= time.now || wakeAt > due) {
          wakeAt = due;
          time.at(due, pump);
        }
        return;
      }
      budget.take(time.now, estimate);
      free--;
      calls++;
      charged += estimate;
      time.at(time.now + (random() * delayMs) / 2, arrive);
    }
  };
  const answer = (actual: number) =>
    time.at(time.now + (random() * delayMs) / 2, () => {
      free++;
      budget.correct(estimate, actual, time.now);
      pump();
    });
  const arrive = () => {
    if (!provider.try(time.now, estimate)) {
      refused++;
      pausedUntil = time.now + 1000;
      return answer(0);
    }
    const spread = Math.sqrt(Math.log(2));
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const actual = INPUT + Math.min(MAX_OUTPUT, 600 * Math.exp(spread * normal - spread ** 2 / 2));
    time.at(time.now + 5000 * (0.5 + random()), () => {
      provider.end(time.now, estimate, actual);
      used += actual;
      answer(actual);
    });
  };
  time.at(0, pump);
  time.run(minutes * MINUTE);
  return { calls, refused, used: used / (TOKENS * minutes), charged: charged / (TOKENS * minutes) };
}

describe('providers that count tokens', () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

  const mean = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number) / numbers.length;

  it('that settles a bucket refuses nothing, and 90 % are used', () => {
    for (const [delayMs, least] of [
      [0, 0.9],
      [200, 0.89],
      [2000, 0.89],
    ] as const) {
      const results = seeds.map((seed) => simulate(settlingBucket(), 'refund', seed, delayMs));
      expect(results.map(({ refused }) => refused)).toEqual(seeds.map(() => 0));
      expect(mean(results.map(({ used }) => used))).toBeGreaterThanOrEqual(least);
    }
  });

  it('that counts use in a sliding minute refuses nothing, and 90 % are used', () => {
    const results = seeds.map((seed) => simulate(slidingUse(), 'refund', seed, 0));
    expect(results.map(({ refused }) => refused)).toEqual(seeds.map(() => 0));
    expect(mean(results.map(({ used }) => used))).toBeGreaterThanOrEqual(0.9);
  });

  it('that counts use refuses next to nothing while answers are on their way', () => {
    const results = seeds.map((seed) => simulate(slidingUse(), 'refund', seed, 200));
    expect(mean(results.map(({ refused, calls }) => refused / calls))).toBeLessThan(0.005);
  });

  it('that counts estimates for good refuses nothing with keep', () => {
    for (const delayMs of [0, 200])
      for (const seed of seeds) {
        const { refused, charged } = simulate(slidingEstimates(), 'keep', seed, delayMs);
        expect(refused).toBe(0);
        expect(charged).toBeGreaterThanOrEqual(0.93);
      }
  });
});
