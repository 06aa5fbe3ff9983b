// One clip at a time: what is heard of a window, as fast or slow as wanted. Slowed down by ten, a bat can be heard.

import { api } from "./api";

export interface Clip {
  asset_id: string;
  start_s: number;
  end_s: number;
}

export const speeds: { value: number; text: string }[] = [
  { value: 1, text: "as it is" },
  { value: 0.5, text: "2 × slower" },
  { value: 0.25, text: "4 × slower" },
  { value: 0.1, text: "10 × slower (ultrasound)" },
  { value: 0.05, text: "20 × slower (ultrasound)" },
];

const clip_s_max = 60; // What the server cuts out at once.
let audio: HTMLAudioElement | null = null;
let playing = $state("");
let problem = $state("");
let speed = $state(1);

export const key_of = (clip: Clip): string => `${clip.asset_id}/${clip.start_s}/${clip.end_s}`;

export const player = {
  get playing() {
    return playing;
  },
  get problem() {
    return problem;
  },
  get speed() {
    return speed;
  },
  set speed(value: number) {
    speed = value;
    stop();
  },
};

export function stop(): void {
  audio?.pause();
  playing = "";
}

export function play(clip: Clip): void {
  stop();
  const key = key_of(clip);
  const mine = new Audio(api.clip_url(clip.asset_id, clip.start_s, Math.min(clip.end_s, clip.start_s + clip_s_max), speed));
  audio = mine;
  playing = key;
  problem = "";
  const over = () => {
    if (audio === mine) playing = "";
  };
  const failed = () => {
    if (audio !== mine) return;
    playing = "";
    problem = "The sound could not be played: the recording is not to be had any more, or the browser did not get it.";
  };
  mine.addEventListener("ended", over);
  mine.addEventListener("error", failed);
  mine.play().catch((error: unknown) => {
    if (!(error instanceof DOMException && error.name === "AbortError")) failed();
  });
}

export function toggle(clip: Clip): void {
  if (playing === key_of(clip)) stop();
  else play(clip);
}
