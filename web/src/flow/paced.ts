/** Work that is asked for often: done at once, then never before the last time has ended and a while is over. */
export function paced(everyMs: number, work: () => Promise<unknown>): { call: () => void; end: () => void } {
  let isWanted = false;
  let isBusy = false;
  let isOver = false;
  async function run() {
    isBusy = true;
    while (isWanted) {
      isWanted = false;
      await work().catch(() => undefined); // who asked for it sees what went wrong
      if (!isOver) await new Promise((done) => setTimeout(done, everyMs));
    }
    isBusy = false;
  }
  return {
    call() {
      isWanted = true;
      if (!isBusy) void run();
    },
    /** Nothing more is asked for; what was is still done. */
    end() {
      isOver = true;
    },
  };
}
