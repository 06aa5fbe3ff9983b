// One stretch of sound at a time, for lists of windows that can be heard: starting one stops the other.

let key = $state(""); // What sounds, or "".
let problem = $state(""); // Why the last one did not.
let audio: HTMLAudioElement | null = null;

export const clips = {
  get key() {
    return key;
  },
  get problem() {
    return problem;
  },
};

export function stop_clip(): void {
  audio?.pause();
  audio = null;
  key = "";
}

export async function play_clip(url: string, name: string): Promise<void> {
  stop_clip();
  const mine = new Audio(url);
  audio = mine;
  key = name;
  problem = "";
  const over = () => {
    if (audio === mine) stop_clip();
  };
  mine.onended = over;
  try {
    await mine.play();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) problem = "The sound could not be played: the server does not offer it, or the browser cannot decode it.";
    over();
  }
}
