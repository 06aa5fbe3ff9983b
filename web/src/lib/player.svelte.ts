// One sound, played from here to there.

export class Player {
  at_s = $state(0);
  is_playing = $state(false);
  problem = $state("");
  listened_s = 0; // Since the last `play`; for feedback on previews.
  n_plays = 0;
  #audio: HTMLAudioElement | null = null;
  #until_s: number | null = null;
  #frame = 0;
  #last_s = 0;

  attach(audio: HTMLAudioElement): () => void {
    this.#audio = audio;
    const on_play = () => {
      this.is_playing = true;
      this.#last_s = audio.currentTime;
      this.#tick();
    };
    const on_pause = () => {
      this.is_playing = false;
      cancelAnimationFrame(this.#frame);
      this.at_s = audio.currentTime;
    };
    const on_error = () => {
      this.is_playing = false;
      this.problem = "The sound could not be played: the browser did not get it, or cannot decode it.";
    };
    audio.addEventListener("play", on_play);
    audio.addEventListener("pause", on_pause);
    audio.addEventListener("ended", on_pause);
    audio.addEventListener("error", on_error);
    return () => {
      audio.pause();
      cancelAnimationFrame(this.#frame);
      audio.removeEventListener("play", on_play);
      audio.removeEventListener("pause", on_pause);
      audio.removeEventListener("ended", on_pause);
      audio.removeEventListener("error", on_error);
      this.#audio = null;
    };
  }

  #tick = () => {
    const audio = this.#audio;
    if (!audio || audio.paused) return;
    this.at_s = audio.currentTime;
    const step = audio.currentTime - this.#last_s;
    if (step > 0 && step < 1) this.listened_s += step;
    this.#last_s = audio.currentTime;
    if (this.#until_s !== null && audio.currentTime >= this.#until_s) {
      this.#until_s = null;
      audio.pause();
      return;
    }
    this.#frame = requestAnimationFrame(this.#tick);
  };

  seek(at_s: number): void {
    this.at_s = Math.max(0, at_s);
    this.#until_s = null;
    if (this.#audio) this.#audio.currentTime = this.at_s;
    this.#last_s = this.at_s;
  }

  async play(from_s: number | null = null, until_s: number | null = null): Promise<void> {
    const audio = this.#audio;
    if (!audio) return;
    if (from_s !== null) {
      this.seek(from_s);
      this.listened_s = 0;
    }
    this.#until_s = until_s;
    this.problem = "";
    this.n_plays += 1;
    try {
      await audio.play();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError"))
        this.problem = "The sound could not be played: the browser did not get it, or cannot decode it.";
    }
  }

  pause(): void {
    this.#audio?.pause();
  }

  toggle(): void {
    if (this.is_playing) this.pause();
    else void this.play();
  }
}
