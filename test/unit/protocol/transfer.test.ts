import { expect, it } from 'vitest';
import { isTransfer, transfer } from '../../../src/protocol/transfer.js';

function fail(): never {
  throw new Error('trap');
}

it('knows a marked value', () => {
  const buffer = new ArrayBuffer(1);

  expect(isTransfer(transfer({ buffer }, [buffer]))).toBe(true);
  expect(isTransfer({ buffer })).toBe(false);
});

it('is not misled or ended by a proxy', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();

  expect(isTransfer(proxy)).toBe(false);
  expect(isTransfer(new Proxy({}, { has: fail }))).toBe(false);
  expect(isTransfer(new Proxy({}, { has: () => true, get: fail }))).toBe(false);
  expect(isTransfer(new Proxy({}, { has: () => true }))).toBe(false);
});
