/** All suites, in the order in which they run. */

import type { Suite } from './suite.js';
import { cancel } from './suites/cancel.js';
import { cpu } from './suites/cpu.js';
import { durability } from './suites/durability.js';
import { lanes } from './suites/lanes.js';
import { payload } from './suites/payload.js';
import { pools } from './suites/pools.js';
import { real } from './suites/real.js';
import { resume } from './suites/resume.js';
import { scale } from './suites/scale.js';
import { services } from './suites/services.js';
import { sessionCost } from './suites/session-cost.js';
import { startup } from './suites/startup.js';
import { waiting } from './suites/waiting.js';

export const suites: readonly Suite[] = [
  pools,
  cpu,
  waiting,
  lanes,
  startup,
  scale,
  cancel,
  services,
  payload,
  durability,
  sessionCost,
  resume,
  real,
];
