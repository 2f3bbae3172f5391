/**
 * Damage: every bit of a journal flipped, every length cut, frames and files moved, replaced, and deleted.
 * All damage is found, nothing is read that was not recorded, and the rest can still be read. After one more
 * run the damage is set aside.
 *
 * A journal does not show that its end is missing. The lengths in the manifest do.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { disk } from '../../src/session/disk.js';
import { encodeFrame, type Scan, scanFrames } from '../../src/session/frames.js';
import { findDamages, readOutcomes, readStatus, repair } from '../../src/session/session-view.js';
import {
  closeWriter,
  contentOf,
  dice,
  journalIn,
  looksDead,
  marksIn,
  openWriter,
  put,
  SOAK,
  shownOutcome,
  temporaryFolder,
} from '../support/session-lives.js';

const root = temporaryFolder('damage');
const VALUES: Readonly<Record<string, unknown>> = { a: 'α\n', b: 2, c: new Error('no'), d: { e: [1, null] } };
const shown = (value: unknown) => (value instanceof Error ? `failed: ${value.message}` : value);
const RECORDED = new Map(Object.entries(VALUES).map(([key, value]) => [key, shown(value)]));

/** Its outcomes, each in a frame of its own. */
async function makeSession(folder: string): Promise<void> {
  const writer = await openWriter(folder);
  for (const [key, value] of Object.entries(VALUES)) await put(writer, key, value);
  await closeWriter(writer);
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** The offsets of the frames of a file. */
async function framesOf(path: string, file: string): Promise<Range[]> {
  const bytes = fs.readFileSync(path);
  const ends: number[] = [];
  const fd = disk.openToRead(path);
  try {
    await scanFrames(fd, file, { sealedAt: undefined, atLeast: bytes.length }, ({ at, body }) =>
      ends.push(at + body.length),
    );
  } finally {
    disk.close(fd);
  }
  return ends.map((to, i) => ({ from: ends[i - 1] ?? 0, to }));
}

async function scan(path: string, file: string, atLeast: number): Promise<{ scan: Scan; bodies: string[] }> {
  const fd = disk.openToRead(path);
  const bodies: string[] = [];
  try {
    const options = { sealedAt: undefined, atLeast };
    return { scan: await scanFrames(fd, file, options, ({ body }) => bodies.push(String(body))), bodies };
  } finally {
    disk.close(fd);
  }
}

const template = join(root, 'template');
let journal = '';
let bytes = Buffer.alloc(0);
let frames: Range[] = [];
let bodies: string[] = [];
beforeAll(async () => {
  await makeSession(template);
  journal = journalIn(template);
  bytes = fs.readFileSync(join(template, journal));
  frames = await framesOf(join(template, journal), journal);
  ({ bodies } = await scan(join(template, journal), journal, bytes.length));
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

describe('a journal', () => {
  const path = () => join(root, 'file');

  it('every bit that is flipped is found, and costs one frame', async () => {
    let flips = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const bad = Buffer.from(bytes);
      const at = bit >> 3;
      bad[at] = (bad[at] as number) ^ (1 << (bit & 7));
      fs.writeFileSync(path(), bad);
      const found = await scan(path(), journal, bytes.length);
      const hit = frames.findIndex(({ to }) => at < to);
      const left = bodies.filter((_, i) => i !== hit);

      if (found.scan.damages.length !== 1) expect(found.scan.damages, `bit ${bit}`).toHaveLength(1);
      if (found.bodies.join('') !== left.join(''))
        expect(found.bodies, `bit ${bit} of frame ${hit}`).toEqual(left);
      flips++;
    }
    console.log(`  ${flips} bits flipped`);
    expect(flips).toBeGreaterThan(8000);
  });

  it('several bits that are flipped', async () => {
    const roll = dice(1);
    for (let round = 0; round < (SOAK ? 20_000 : 1000); round++) {
      const bad = Buffer.from(bytes);
      for (let flips = 2 + roll() * 8; flips > 0; flips--) {
        const at = Math.floor(roll() * bad.length);
        bad[at] = (bad[at] as number) ^ (1 << Math.floor(roll() * 8));
      }
      if (bad.equals(bytes)) continue;
      fs.writeFileSync(path(), bad);
      const found = await scan(path(), journal, bytes.length);
      if (found.scan.damages.length === 0) expect.fail(`round ${round} was not found`);
      for (const body of found.bodies) expect(bodies).toContain(body);
    }
  });

  it('every length it is cut to is found by the manifest, and is torn without it', async () => {
    for (let length = 0; length < bytes.length; length++) {
      fs.writeFileSync(path(), bytes.subarray(0, length));
      const whole = frames.filter(({ to }) => to <= length);
      const end = whole.at(-1)?.to ?? 0;
      const marked = await scan(path(), journal, bytes.length);
      const unmarked = await scan(path(), journal, end);

      expect(marked.scan.damages).toEqual([
        { file: journal, offset: end, bytes: bytes.length - end, reason: 'cut off' },
      ]);
      expect(marked.bodies).toEqual(bodies.slice(0, whole.length));
      expect(unmarked.scan).toMatchObject({ damages: [], tornBytes: length - end, end });
    }
  });

  it('bytes after it are torn', async () => {
    for (const rest of [
      '\0'.repeat(600),
      '#H1 00000000 4 1 9\nabc\n',
      '#H1 ',
      'x',
      '\n#H1 1 2 3',
      '#H1 ffffffff 9999999999 1 1\n',
    ]) {
      fs.writeFileSync(path(), Buffer.concat([bytes, Buffer.from(rest)]));
      const found = await scan(path(), journal, bytes.length);
      expect(found.scan).toMatchObject({ damages: [], tornBytes: rest.length });
      expect(found.bodies).toEqual(bodies);
    }
  });

  it('frames that are swapped, deleted, repeated, overwritten by another, or zeroed', async () => {
    const part = ({ from, to }: Range) => bytes.subarray(from, to);
    const pieces = frames.map(part);
    const tries: Buffer[][] = [];
    for (let i = 0; i < pieces.length; i++) {
      tries.push(pieces.filter((_, k) => k !== i));
      tries.push(pieces.flatMap((piece, k) => (k === i ? [piece, piece] : [piece])));
      tries.push(pieces.map((piece, k) => (k === i ? Buffer.alloc(piece.length) : piece)));
      for (let k = i + 1; k < pieces.length; k++) {
        const swapped: Buffer[] = [...pieces];
        [swapped[i], swapped[k]] = [pieces[k] as Buffer, pieces[i] as Buffer];
        tries.push(swapped);
        tries.push(pieces.map((piece, at) => (at === i ? (pieces[k] as Buffer) : piece)));
        tries.push(pieces.map((piece, at) => (at === k ? (pieces[i] as Buffer) : piece)));
      }
    }
    for (const [i, bad] of tries.entries()) {
      fs.writeFileSync(path(), Buffer.concat(bad));
      const found = await scan(path(), journal, bytes.length);
      expect(found.scan.damages.length, `try ${i}`).toBeGreaterThan(0);
      for (const body of found.bodies) expect(bodies).toContain(body);
      expect(new Set(found.bodies).size).toBe(found.bodies.length);
    }
  });
});

describe('a session', () => {
  /** Three journals, the last one not closed, as after a kill. The manifest has the length of each. */
  async function makeLives(folder: string): Promise<Map<string, unknown>> {
    for (const name of ['x', 'y', 'z']) {
      const writer = await openWriter(folder);
      for (const [key, value] of Object.entries(VALUES)) await put(writer, `${name} ${key}`, value);
      await put(writer, 'again', name);
      await closeWriter(writer);
    }
    const { values } = await contentOf(folder, marksIn(folder));
    return values;
  }

  interface Scene {
    readonly name: string;
    readonly act: (folder: string, journals: string[]) => void;
    /** Outcomes that are lost with what is damaged. */
    readonly lost: (key: string) => boolean;
    /** An outcome that an earlier life had recorded otherwise. */
    readonly again?: string;
  }
  const inJournal = (name: string) => (key: string) => key.startsWith(`${name} `);
  const at = (folder: string, journals: string[], i: number) => join(folder, journals[i] as string);
  const scenes: Scene[] = [
    { name: 'the first journal deleted', act: (f, l) => fs.rmSync(at(f, l, 0)), lost: inJournal('x') },
    { name: 'the middle journal deleted', act: (f, l) => fs.rmSync(at(f, l, 1)), lost: inJournal('y') },
    {
      name: 'the last journal deleted',
      act: (f, l) => fs.rmSync(at(f, l, 2)),
      lost: inJournal('z'),
      again: 'y',
    },
    { name: 'the first journal empty', act: (f, l) => fs.truncateSync(at(f, l, 0)), lost: inJournal('x') },
    {
      name: 'the last journal empty',
      act: (f, l) => fs.truncateSync(at(f, l, 2)),
      lost: inJournal('z'),
      again: 'y',
    },
    {
      name: 'two journals swapped',
      act: (f, l) => {
        fs.renameSync(at(f, l, 0), join(f, 'between'));
        fs.renameSync(at(f, l, 1), at(f, l, 0));
        fs.renameSync(join(f, 'between'), at(f, l, 1));
      },
      lost: (key) => inJournal('x')(key) || inJournal('y')(key),
    },
    {
      name: 'a journal under the name of another',
      act: (f, l) => fs.copyFileSync(at(f, l, 0), at(f, l, 1)),
      lost: inJournal('y'),
    },
    {
      name: 'the last journal with the content of another',
      act: (f, l) => fs.copyFileSync(at(f, l, 0), at(f, l, 2)),
      lost: inJournal('z'),
      again: 'y',
    },
    {
      name: 'foreign bytes in a journal',
      act: (f, l) => fs.writeFileSync(at(f, l, 1), 'foreign\n'.repeat(50)),
      lost: inJournal('y'),
    },
  ];

  it.each(scenes)('$name', async ({ name, act, lost, again }) => {
    const folder = join(root, name);
    const before = await makeLives(folder);
    const journals = fs
      .readdirSync(folder)
      .filter((file) => file.startsWith('l-'))
      .sort();
    act(folder, journals);
    const expected = new Map([...before].filter(([key]) => !lost(key)));
    if (again !== undefined) expected.set('again', again);

    const damaged = await contentOf(folder, marksIn(folder));
    expect(damaged.damages.length).toBeGreaterThan(0);
    expect(damaged.values).toEqual(expected);
    const writer = await openWriter(folder);
    expect(writer.notes.length).toBe(damaged.damages.length);
    await closeWriter(writer);
    const mended = await contentOf(folder, marksIn(folder));
    expect(mended.damages).toEqual([]);
    expect(mended.values).toEqual(expected);
    expect(await findDamages(folder)).toEqual([]);
    const aside = fs.existsSync(join(folder, 'quarantine')) ? fs.readdirSync(join(folder, 'quarantine')) : [];
    if (!/deleted|empty/.test(name)) expect(aside.length).toBeGreaterThan(0);
  });

  it('a copy under the name of another journal has no effect', async () => {
    const folder = join(root, 'another');
    const before = await makeLives(folder);
    const journals = fs
      .readdirSync(folder)
      .filter((file) => file.startsWith('l-'))
      .sort();
    const copy = join(folder, 'l-000009-1of1-zz-00000000000000000000.log');
    fs.copyFileSync(at(folder, journals, 0), copy);
    fs.writeFileSync(join(folder, 'l-000008-1of1-zz-00000000000000000000.log'), '');
    fs.writeFileSync(join(folder, 'l-000007-1of1-zz-00000000000000000000.log'), 'foreign\n');
    expect((await contentOf(folder, marksIn(folder))).values).toEqual(before);
    const writer = await openWriter(folder);
    await put(writer, 'new', 1);
    await closeWriter(writer);

    const { values, damages } = await contentOf(folder, marksIn(folder));
    expect(values).toEqual(new Map([...before, ['new', 1]]));
    expect(damages).toEqual([]);
  });

  it.each(['', 'garbage', '{}', 'null', '{"part":1}', '[1,2'])('claims with the content %j', async (text) => {
    const folder = join(root, `claim ${text.replace(/\W/g, '_')} ${text.length}`);
    const before = await makeLives(folder);
    for (const file of fs.readdirSync(folder))
      if (file.endsWith('.epoch')) fs.writeFileSync(join(folder, file), text);
    expect((await readStatus(folder)).damages).toEqual([]);
    const writer = await openWriter(folder);
    await put(writer, 'new', 1);
    await closeWriter(writer);
    expect((await contentOf(folder, marksIn(folder))).values).toEqual(new Map([...before, ['new', 1]]));
  });

  it('claims that were deleted, against the rule', async () => {
    const folder = join(root, 'no claims');
    const before = await makeLives(folder);
    for (let life = 0; life < 8; life++) await closeWriter(await openWriter(folder));
    expect(fs.readdirSync(folder).some((file) => file.startsWith('base-'))).toBe(true);
    for (const file of fs.readdirSync(folder)) if (file.endsWith('.epoch')) fs.rmSync(join(folder, file));
    const writer = await openWriter(folder);
    await put(writer, 'new', 1);
    await put(writer, 'again', 'new');
    await closeWriter(writer);

    const { values, damages } = await contentOf(folder, marksIn(folder));
    expect(values).toEqual(new Map([...before, ['new', 1], ['again', 'new']]));
    expect(damages).toEqual([]);
  });

  it('a base, at every tenth bit and every tenth length', async () => {
    const folder = join(root, 'base');
    const before = await makeLives(folder);
    for (let life = 0; life < 7; life++) await closeWriter(await openWriter(folder));
    const base = fs.readdirSync(folder).find((file) => file.startsWith('base-')) as string;
    const good = fs.readFileSync(join(folder, base));
    for (let i = 0; i < good.length * 8; i += SOAK ? 1 : 10) {
      const bad = Buffer.from(good);
      bad[i >> 3] = (bad[i >> 3] as number) ^ (1 << (i & 7));
      fs.writeFileSync(join(folder, base), bad);
      const { values, damages } = await contentOf(folder);
      if (damages.length === 0) expect.fail(`bit ${i} was not found`);
      for (const [key, value] of values) expect(value).toEqual(before.get(key));
    }
    for (let length = 0; length < good.length; length += 10) {
      fs.writeFileSync(join(folder, base), good.subarray(0, length));
      const { values, damages } = await contentOf(folder);
      if (damages.length === 0) expect.fail(`length ${length} was not found`);
      for (const [key, value] of values) expect(value).toEqual(before.get(key));
    }
    await closeWriter(await openWriter(folder));
    expect((await contentOf(folder, marksIn(folder))).damages).toEqual([]);
  });

  it.each(['', '{"format":1', 'garbage', 'null', '[]', '{"format":1,"marks":{}}', '\0'.repeat(300)])(
    'a manifest with the content %j is rebuilt from the journal',
    async (text) => {
      const folder = join(root, `manifest ${text.slice(0, 20).replace(/\W/g, '_')} ${text.length}`);
      const before = await makeLives(folder);
      fs.writeFileSync(join(folder, 'session.json'), text);
      expect((await findDamages(folder)).map(({ file }) => file)).toEqual(['session.json']);
      const writer = await openWriter(folder);
      expect(writer.notes.join()).toContain('session.json');
      await closeWriter(writer);

      expect(await findDamages(folder)).toEqual([]);
      expect((await contentOf(folder, marksIn(folder))).values).toEqual(before);
    },
  );

  /** Another release's head: with a checksum, under a number of its own. */
  function plantNewer(folder: string): void {
    const file = 'l-000009-1of1-zz-00000000000000000000.log';
    const head = { format: 2, epoch: 9, part: { index: 1, count: 1 }, seals: {}, identity: {} };
    const body = Buffer.from(`${JSON.stringify({ '@head': head })}\n`);
    fs.writeFileSync(join(folder, file), encodeFrame(file, body, 0, 0));
  }

  it('a newer format is refused, and what it wrote is left as it is', async () => {
    const folder = join(root, 'newer');
    await makeLives(folder);
    plantNewer(folder);
    const files = fs.readdirSync(folder);
    const bytes = files.map((file) => fs.readFileSync(join(folder, file)));

    await expect(openWriter(folder)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_FORMAT' });
    await expect(readStatus(folder)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_FORMAT' });
    await expect(repair(folder)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_FORMAT' });
    expect(fs.readdirSync(folder)).toEqual(files);
    expect(files.map((file) => fs.readFileSync(join(folder, file)))).toEqual(bytes);
  });

  it('a manifest that speaks of a newer format against its own checksum is damaged', async () => {
    const folder = join(root, 'newer manifest');
    const before = await makeLives(folder);
    const path = join(folder, 'session.json');
    fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replace('"format": 1', '"format": 3'));
    const writer = await openWriter(folder);
    expect(writer.notes.join()).toContain('session.json');
    await closeWriter(writer);

    expect((await contentOf(folder, marksIn(folder))).values).toEqual(before);
  });

  it('repair sets aside what is damaged, and readers see the rest meanwhile', async () => {
    const folder = join(root, 'repair');
    const before = await makeLives(folder);
    const file = journalIn(folder, 2);
    const bad = fs.readFileSync(join(folder, file));
    bad[bad.indexOf('y b')] = 0;
    fs.writeFileSync(join(folder, file), bad);
    looksDead(folder);
    const seen = new Map<string, unknown>();
    for await (const found of readOutcomes(folder)) seen.set(found.key, shownOutcome(found));
    before.delete('y b');

    expect(seen).toEqual(before);
    expect(await repair(folder)).toHaveLength(1);
    expect(await repair(folder)).toEqual([]);
    expect((await contentOf(folder, marksIn(folder))).values).toEqual(before);
  });

  it('reads what was recorded when nothing is damaged', async () => {
    expect((await contentOf(template, marksIn(template))).values).toEqual(RECORDED);
  });
});
