// What time it is, for "3 min ago": one clock for the whole page, which ticks every ten seconds.

let now_ms = $state(Date.now());
setInterval(() => (now_ms = Date.now()), 10_000);

export const clock = {
  get now_ms() {
    return now_ms;
  },
};
