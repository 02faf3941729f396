// One tab of a browser is in the room at a time: two would hear each other.

const LOCK = "sensorium-room";

/**
 * @param {{taken: () => void, lost: () => void}} tell `taken`: another tab has it, `lost`: it was taken over
 * @returns {{claim: () => Promise<boolean>, takeOver: () => Promise<boolean>}}
 */
export function oneTab(tell) {
  // Browsers without locks have no way to know; they go on.
  if (!navigator.locks) return { claim: async () => true, takeOver: async () => true };

  const request = (options) =>
    new Promise((answer) => {
      const held = navigator.locks.request(LOCK, options, (lock) => {
        answer(lock !== null);
        if (lock === null) return tell.taken();
        return new Promise(() => {}); // until the tab goes, or another takes it
      });
      held.catch(() => tell.lost());
    });
  return { claim: () => request({ ifAvailable: true }), takeOver: () => request({ steal: true }) };
}
